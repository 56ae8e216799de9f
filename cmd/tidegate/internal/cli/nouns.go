package cli

// noun is one kind of object of the management API, described once: from it come
// the commands list, get, create, update, delete, history and the actions.
type noun struct {
	name    string // "credential"
	short   string
	path    string // "/v1/credentials"
	columns []column
	filters []field
	// create is the body of a POST to createPath (or path). A {} in createPath is
	// the value of the field named parent, which is then not part of the body.
	create     []field
	createPath string
	parent     string
	update     []field
	deletable  string // what delete does; empty: there is no delete
	history    bool
	actions    []action
	totals     []total
}

// action is a POST (or another method) to the object's path and its name.
type action struct {
	name   string
	short  string
	fields []field
	method string // POST when empty
	path   string // the name when empty
}

// total is a GET of something about all objects together, below their path.
type total struct {
	name    string
	short   string
	columns []column
}

// column is one column of a table: a title and a path into the object.
type column struct{ title, path string }

// reason is what most ends of a life can be given.
var reason = field{name: "reason", usage: "why"}

var nouns = []noun{
	{
		name: "consumer", short: "Who calls: consumers", path: "/v1/consumers", history: true,
		columns: []column{{"ID", "id"}, {"NAME", "name"}, {"TEAM", "team"}, {"STATUS", "status"}, {"CREATED", "created_at"}},
		filters: []field{
			{name: "team", usage: "only of this team"},
			{name: "status", usage: "active, suspended or deleted"},
			{name: "label", usage: "only with this label, key:value"},
			{name: "q", usage: "only those that contain this text"},
		},
		create: []field{
			{name: "id", usage: "its id for ever; generated when absent"},
			{name: "name", usage: "its name", required: true},
			{name: "description", usage: "what it is"},
			{name: "team", usage: "the team that owns it; yours when you have only one"},
			{name: "labels", kind: pairs, usage: "key=value, repeated"},
			{name: "contact.name", usage: "whom to ask"},
			{name: "contact.email", usage: "whom to write to"},
			{name: "limits", kind: object, usage: `JSON, such as {"rate":{"requests":100,"per_seconds":60}}`},
		},
		update: []field{
			{name: "name", usage: "its name"},
			{name: "description", usage: "what it is"},
			{name: "labels", kind: pairs, usage: "key=value, repeated; the others stay"},
			{name: "contact.name", usage: "whom to ask"},
			{name: "contact.email", usage: "whom to write to"},
			{name: "limits", kind: object, usage: "JSON; null takes them away"},
		},
		deletable: "Delete a consumer for ever; its credentials are revoked and its subscriptions cancelled",
		actions: []action{
			{name: "suspend", short: "Refuse its calls until it is resumed", fields: []field{reason}},
			{name: "resume", short: "Judge its calls again", fields: []field{reason}},
		},
	},
	{
		name: "credential", short: "What callers prove themselves with: credentials", path: "/v1/credentials", history: true,
		createPath: "/v1/consumers/{}/credentials", parent: "consumer_id",
		columns: []column{{"ID", "id"}, {"CONSUMER", "consumer_id"}, {"NAME", "name"}, {"TYPE", "type"}, {"STATUS", "status"}, {"EXPIRES", "expires_at"}, {"LAST USED", "last_used_at"}},
		filters: []field{
			{name: "status", usage: "active, suspended, revoked, expired or all; without it all but revoked ones"},
			{name: "type", usage: "api_key, basic, jwt, hmac or oauth2"},
			{name: "consumer_id", flag: "consumer", usage: "only of this consumer"},
			{name: "expiring_within_days", kind: number, usage: "only those that expire within so many days"},
			{name: "used", usage: "never or ever: only those that no gateway has let through, or one has"},
			{name: "unused_since", kind: past, usage: "only those that were not used since: a time, or until now such as 90d"},
		},
		create: []field{
			{name: "consumer_id", flag: "consumer", usage: "the consumer that it belongs to", required: true},
			{name: "name", usage: "its name among the consumer's", required: true},
			{name: "type", usage: "api_key, basic, jwt, hmac or oauth2", required: true},
			{name: "placement", kind: placement, usage: "where a caller puts it, such as header:X-API-Key"},
			{name: "config", kind: config, usage: configUsage},
			{name: "expires_at", kind: moment, usage: "when it ends: a time, or from now such as 30d"},
			{name: "hide_credentials", kind: truth, usage: "take it out of the call before it goes upstream"},
		},
		update: []field{
			{name: "name", usage: "its name"},
			{name: "placement", kind: placement, usage: "where a caller puts it, such as header:X-API-Key"},
			{name: "config", kind: config, usage: configUsage + "; name:=null makes it the default"},
			{name: "expires_at", kind: moment, usage: "when it ends: a time, from now such as 30d, or none"},
			{name: "hide_credentials", kind: truth, usage: "take it out of the call before it goes upstream"},
		},
		deletable: "Revoke a credential for ever (the same as revoke)",
		actions: []action{
			{name: "rotate", short: "Make a new secret; the old one lives on for the overlap", fields: []field{
				{name: "overlap_seconds", flag: "overlap", kind: duration, usage: "how long the old secret stays valid, such as 24h"},
				{name: "config", kind: config, usage: "what makes the new secret, such as secret=@FILE or public_key=@FILE; generated when left out"},
			}},
			{name: "suspend", short: "Refuse it until it is resumed", fields: []field{reason}},
			{name: "resume", short: "Accept it again", fields: []field{reason}},
			{name: "revoke", short: "End it for ever", fields: []field{reason}},
		},
		totals: []total{
			{name: "inventory", short: "Count them: by status and type, those that expire, those that nobody uses", columns: []column{
				{"", "total"}, {"", "by_status"}, {"", "by_type"}, {"", "expiring_within_30_days"}, {"", "never_used"}, {"", "unused_for_90_days"},
			}},
		},
	},
	{
		name: "service", short: "What is called: services of the catalogue", path: "/v1/services", history: true,
		columns: []column{{"ID", "id"}, {"NAME", "name"}, {"KIND", "kind"}, {"TEAM", "team"}, {"STATUS", "status"}, {"APPROVAL", "approval.mode"}},
		filters: []field{
			{name: "status", usage: "draft, published, deprecated or retired"},
			{name: "kind", usage: "rest, ai or mcp"},
			{name: "tag", usage: "only with this tag"},
			{name: "category", usage: "only of this category"},
			{name: "team", usage: "only of this team"},
			{name: "q", usage: "only those that contain this text"},
		},
		create: append([]field{
			{name: "id", usage: "its id for ever", required: true},
			{name: "team", usage: "the team that provides it; yours when you have only one"},
		}, serviceFields...),
		update: serviceFields,
		actions: []action{
			{name: "publish", short: "Route it, and show it in the catalogue"},
			{name: "unpublish", short: "Make it a draft again"},
			{name: "deprecate", short: "Tell its callers until when it is there", fields: []field{
				{name: "sunset_at", kind: moment, usage: "when it will go: a time, or from now such as 90d", required: true},
			}},
			{name: "retire", short: "End it for ever, and all its subscriptions"},
		},
	},
	{
		name: "subscription", short: "Who may call what: subscriptions", path: "/v1/subscriptions", history: true,
		columns: []column{{"ID", "id"}, {"CONSUMER", "consumer_id"}, {"SERVICE", "service_id"}, {"PLAN", "plan_id"}, {"STATUS", "status"}, {"EXPIRES", "expires_at"}},
		filters: []field{
			{name: "consumer_id", flag: "consumer", usage: "only of this consumer"},
			{name: "service_id", flag: "service", usage: "only to this service"},
			{name: "status", usage: "pending, active, rejected, withdrawn, suspended, cancelled, revoked or expired"},
		},
		create: []field{
			{name: "consumer_id", flag: "consumer", usage: "the consumer that is to call", required: true},
			{name: "service_id", flag: "service", usage: "the service that is to be called", required: true},
			{name: "plan_id", flag: "plan", usage: "the plan; the first one when absent"},
			{name: "credential_ids", flag: "credentials", kind: ids, usage: "only these credentials; all when absent"},
			{name: "reason", usage: "why it is asked for"},
			{name: "as_provider", kind: truth, usage: "as the service's provider: active at once"},
		},
		actions: []action{
			{name: "approve", short: "Say yes to a request", fields: decision},
			{name: "reject", short: "Say no to a request", fields: []field{{name: "reason", usage: "why", required: true}}},
			{name: "withdraw", short: "Take a request back"},
			{name: "suspend", short: "Refuse its calls until it is resumed", fields: []field{{name: "reason", usage: "why", required: true}}},
			{name: "resume", short: "Let its calls through again"},
			{name: "cancel", short: "End it, as the consumer's team"},
			{name: "revoke", short: "End it, as the service's provider", fields: []field{{name: "reason", usage: "why", required: true}}},
			{name: "renew", short: "Move its end, or ask for that", fields: []field{
				{name: "expires_at", kind: moment, usage: "the new end: a time, or from now such as 90d", required: true},
			}},
			{name: "assign", short: "Say which credentials may use it", method: "PUT", path: "credentials", fields: []field{
				{name: "credential_ids", flag: "credentials", kind: ids, usage: `ids separated by commas, or "all"`, required: true},
			}},
		},
	},
	{
		name: "approval", short: "What waits for your decision: approvals", path: "/v1/approvals",
		columns: []column{{"ID", "id"}, {"CONSUMER", "consumer.name"}, {"SERVICE", "service_id"}, {"STATUS", "status"}, {"REASON", "reason"}, {"SINCE", "created_at"}},
	},
	{
		name: "gateway", short: "What lets calls through: gateways", path: "/v1/gateways",
		columns:   []column{{"ID", "id"}, {"STATUS", "status"}, {"LAG", "lag"}, {"VERSION", "version"}, {"LAST SEEN", "last_seen"}},
		deletable: "Say that a lost gateway is gone for good",
	},
}

// decision is what an approval can say.
var decision = []field{
	{name: "comment", usage: "what the requester is told"},
	{name: "expires_at", kind: moment, usage: "when it ends: a time, or from now such as 90d"},
}

// serviceFields are what a provider says of a service.
var serviceFields = []field{
	{name: "name", usage: "its name"},
	{name: "description", usage: "what it does"},
	{name: "kind", usage: "rest, ai or mcp"},
	{name: "visibility", usage: "public or team"},
	{name: "category", usage: "where it stands in the catalogue"},
	{name: "tags", kind: words, usage: "words to find it by"},
	{name: "routes", flag: "route", kind: routes, usage: "/prefix, host/prefix or JSON; repeated"},
	{name: "upstreams", flag: "upstream", kind: upstreams, usage: "URL or JSON; repeated"},
	{name: "accepts", kind: words, usage: "credential types that it accepts"},
	{name: "approval", kind: approval, usage: "manual, auto, or the expression of a policy"},
	{name: "plans", kind: object, usage: "JSON list of plans"},
	{name: "staleness", kind: object, usage: `JSON, such as {"mode":"fail-closed","seconds":60}`},
	{name: "timeout_seconds", flag: "timeout", kind: duration, usage: "how long it may take to answer, such as 30s"},
	{name: "documentation", usage: "markdown, or @file"},
}
