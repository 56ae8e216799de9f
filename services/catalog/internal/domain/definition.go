package domain

import (
	"slices"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/credential"
)

// Definition is everything about a service that its provider may change.
type Definition struct {
	Name           string
	Description    string
	Kind           string
	Tags           []string
	Category       string
	Visibility     string
	Routes         []catalog.Route
	Upstreams      []catalog.Upstream
	Accepts        []string
	Approval       catalog.Approval
	Plans          []catalog.Plan
	Staleness      catalog.Staleness
	TimeoutSeconds int
	Documentation  string
}

// Words that definitions use.
const (
	VisibleToAll  = "public"
	VisibleToTeam = "team"

	ApprovalManual = "manual"
	ApprovalAuto   = "auto"
	ApprovalPolicy = "policy"

	ServeStale = "serve-stale"
	FailClosed = "fail-closed"

	// DefaultPlan is the id of the plan that a service has when it names none.
	DefaultPlan = "default"
)

// What a definition may choose from.
var (
	Kinds           = []string{"rest", "ai", "mcp"}
	CredentialTypes = []string{credential.TypeAPIKey, credential.TypeBasic, credential.TypeJWT, credential.TypeHMAC, credential.TypeOAuth2}
)

// withDefaults fills what was left out: zero values, and lists that are nil. A
// name is asked for; routes and upstreams may follow later.
func (d Definition) withDefaults() Definition {
	fill(&d.Kind, "rest")
	fill(&d.Visibility, VisibleToAll)
	fill(&d.Approval.Mode, ApprovalManual)
	fill(&d.Staleness.Mode, ServeStale)
	fill(&d.Staleness.Seconds, staleAfter)
	fill(&d.TimeoutSeconds, 30)
	if d.Accepts == nil {
		d.Accepts = slices.Clone(CredentialTypes)
	}
	if d.Plans == nil {
		d.Plans = []catalog.Plan{{ID: DefaultPlan}}
	}
	d.Tags = append([]string{}, d.Tags...)
	d.Upstreams = append([]catalog.Upstream{}, d.Upstreams...)
	for i := range d.Upstreams {
		fill(&d.Upstreams[i].Weight, 1)
	}
	return d
}

const staleAfter = 60 // seconds

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// complete says whether calls could be forwarded.
func (d Definition) complete() bool { return len(d.Routes) > 0 && len(d.Upstreams) > 0 }

// difference answers what turns one definition into another.
func difference(before, after Definition) (u catalog.Updated, changed bool) {
	u = catalog.Updated{
		Name:           change(before.Name, after.Name, same, &changed),
		Description:    change(before.Description, after.Description, same, &changed),
		Kind:           change(before.Kind, after.Kind, same, &changed),
		Tags:           change(before.Tags, after.Tags, slices.Equal, &changed),
		Category:       change(before.Category, after.Category, same, &changed),
		Visibility:     change(before.Visibility, after.Visibility, same, &changed),
		Routes:         change(before.Routes, after.Routes, sameRoutes, &changed),
		Upstreams:      change(before.Upstreams, after.Upstreams, slices.Equal, &changed),
		Accepts:        change(before.Accepts, after.Accepts, slices.Equal, &changed),
		Approval:       change(before.Approval, after.Approval, same, &changed),
		Plans:          change(before.Plans, after.Plans, samePlans, &changed),
		Staleness:      change(before.Staleness, after.Staleness, same, &changed),
		TimeoutSeconds: change(before.TimeoutSeconds, after.TimeoutSeconds, same, &changed),
		Documentation:  change(before.Documentation, after.Documentation, same, &changed),
	}
	return u, changed
}

// After answers the definition after an update.
func (d Definition) After(u catalog.Updated) Definition {
	return Definition{
		Name:           u.Name.Apply(d.Name),
		Description:    u.Description.Apply(d.Description),
		Kind:           u.Kind.Apply(d.Kind),
		Tags:           u.Tags.Apply(d.Tags),
		Category:       u.Category.Apply(d.Category),
		Visibility:     u.Visibility.Apply(d.Visibility),
		Routes:         u.Routes.Apply(d.Routes),
		Upstreams:      u.Upstreams.Apply(d.Upstreams),
		Accepts:        u.Accepts.Apply(d.Accepts),
		Approval:       u.Approval.Apply(d.Approval),
		Plans:          u.Plans.Apply(d.Plans),
		Staleness:      u.Staleness.Apply(d.Staleness),
		TimeoutSeconds: u.TimeoutSeconds.Apply(d.TimeoutSeconds),
		Documentation:  u.Documentation.Apply(d.Documentation),
	}
}

func change[T any](before, after T, equal func(a, b T) bool, changed *bool) *events.Change[T] {
	if equal(before, after) {
		return nil
	}
	*changed = true
	return &events.Change[T]{Before: before, After: after}
}

func same[T comparable](a, b T) bool { return a == b }

func sameRoutes(a, b []catalog.Route) bool {
	return slices.EqualFunc(a, b, func(a, b catalog.Route) bool {
		return a.Host == b.Host && a.PathPrefix == b.PathPrefix && a.StripPrefix == b.StripPrefix && slices.Equal(a.Methods, b.Methods)
	})
}

func samePlans(a, b []catalog.Plan) bool {
	return slices.EqualFunc(a, b, func(a, b catalog.Plan) bool {
		return a.ID == b.ID && a.Name == b.Name && a.Description == b.Description &&
			sameValue(a.Rate, b.Rate) && sameValue(a.Quota, b.Quota) && sameValue(a.Approval, b.Approval)
	})
}

func sameValue[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}
