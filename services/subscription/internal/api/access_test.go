package api_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/subscription/internal/api"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

// TestWhoMayDoWhatInWhichStatus is every status, command and caller.
func TestWhoMayDoWhatInWhichStatus(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	type caller struct {
		client                *httpapitest.Client
		reads, writes, decide bool
	}
	callers := map[string]caller{
		"an administrator":                         {s.Admin(), true, true, true},
		"an auditor":                               {s.Auditor(), true, false, false},
		"the consumer's developer":                 {s.developer(), true, true, false},
		"the service's provider":                   {s.provider(), true, false, true},
		"a developer of the service's team":        {s.Developer(providerTeam), false, false, false},
		"a provider of the consumer's team":        {s.Provider(consumerTeam), false, false, false},
		"a developer of neither team":              {s.Developer("other"), false, false, false},
		"a provider of neither team":               {s.Provider("other"), false, false, false},
		"a developer who belongs to both, besides": {s.Developer("other", consumerTeam), true, true, false},
	}
	reason, end := object{"reason": "because"}, object{"expires_at": s.clock().Add(10 * day)}
	granted, renewable := []domain.Status{domain.Active, domain.Suspended}, []domain.Status{domain.Active, domain.Suspended, domain.Expired}
	commands := map[string]struct {
		method string
		body   any
		may    func(caller) bool
		from   []domain.Status
	}{
		"approve":  {"POST", nil, func(c caller) bool { return c.decide }, []domain.Status{domain.Pending}},
		"reject":   {"POST", reason, func(c caller) bool { return c.decide }, []domain.Status{domain.Pending}},
		"suspend":  {"POST", reason, func(c caller) bool { return c.decide }, []domain.Status{domain.Active}},
		"resume":   {"POST", nil, func(c caller) bool { return c.decide }, []domain.Status{domain.Suspended}},
		"revoke":   {"POST", reason, func(c caller) bool { return c.decide }, granted},
		"withdraw": {"POST", nil, func(c caller) bool { return c.writes }, []domain.Status{domain.Pending}},
		"cancel":   {"POST", nil, func(c caller) bool { return c.writes }, granted},
		"renew":    {"POST", end, func(c caller) bool { return c.writes || c.decide }, renewable},
		"credentials": {
			"PUT", object{"credential_ids": []string{}}, func(c caller) bool { return c.writes }, append(renewable, domain.Pending),
		},
	}
	for _, status := range domain.Statuses {
		id := s.subscription(t, "petstore", status)
		for who, caller := range callers {
			t.Run(fmt.Sprintf("%s and what is %s", who, status), func(t *testing.T) {
				want := 404
				if caller.reads {
					want = 200
				}
				caller.client.Get(t, "/v1/subscriptions/"+id).Want(t, want)
				caller.client.Get(t, "/v1/subscriptions/"+id+"/history").Want(t, want)
				listed := httpapitest.Read[list](t, caller.client.Get(t, "/v1/subscriptions?limit=200&status="+string(status)).Want(t, 200))
				if found := slices.ContainsFunc(listed.Items, func(s api.Subscription) bool { return s.ID == id }); found != caller.reads {
					t.Errorf("it is listed: %v, and may be read: %v", found, caller.reads)
				}
				waiting := httpapitest.Read[list](t, caller.client.Get(t, "/v1/approvals?limit=200").Want(t, 200))
				if found := slices.ContainsFunc(waiting.Items, func(s api.Subscription) bool { return s.ID == id }); found != (caller.decide && status == domain.Pending) {
					t.Errorf("it waits for the caller's decision: %v", found)
				}
				for command, c := range commands {
					target, may := id, c.may(caller)
					if may && slices.Contains(c.from, status) {
						target = s.subscription(t, "petstore", status)
					}
					answer := caller.client.Do(t, c.method, "/v1/subscriptions/"+target+"/"+command, c.body)
					switch {
					case !caller.reads:
						answer.Refused(t, 404, "not_found")
					case !may:
						answer.Refused(t, 403, "forbidden")
					case slices.Contains(c.from, status):
						answer.Want(t, 200)
					default:
						if refusal := answer.Refused(t, 409, "illegal_transition"); refusal.CurrentStatus != string(status) {
							t.Errorf("%s: current_status is %q, want %q", command, refusal.CurrentStatus, status)
						}
					}
				}
			})
		}
	}
}

func TestWhoMayAsk(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	s.consumer("shop")
	body := func(asProvider bool) object {
		return object{"consumer_id": "shop", "service_id": "petstore", "as_provider": asProvider}
	}
	for name, row := range map[string]struct {
		client     *httpapitest.Client
		asProvider bool
		status     int
		code       string
	}{
		"a provider asks for nobody":                        {s.provider(), false, 403, "forbidden"},
		"an auditor asks for nobody":                        {s.Auditor(), false, 403, "forbidden"},
		"an auditor is no provider":                         {s.Auditor(), true, 403, "forbidden"},
		"a developer is no provider":                        {s.developer(), true, 403, "forbidden"},
		"a developer of another team is told of nothing":    {s.Developer("other"), false, 422, "unknown_reference"},
		"a provider of another team has no say":             {s.Provider("other"), true, 403, "forbidden"},
		"somebody without a token is not asked what for":    {s.Anonymous(), false, 401, "unauthenticated"},
		"a developer of the consumer's team asks":           {s.developer(), false, 201, ""},
		"a provider subscribes a consumer that it knows of": {s.provider(), true, 201, ""},
		"an administrator asks":                             {s.Admin(), false, 201, ""},
		"an administrator subscribes":                       {s.Admin(), true, 201, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := row.client.Post(t, "/v1/subscriptions", body(row.asProvider))
			if row.status != 201 {
				answer.Refused(t, row.status, row.code)
				return
			}
			made := httpapitest.Read[api.Subscription](t, answer.Want(t, 201))
			want := map[bool]string{false: "pending", true: "active"}[row.asProvider]
			if made.Status != want {
				t.Errorf("it is %s, want %s", made.Status, want)
			}
			action := map[bool]string{false: "withdraw", true: "cancel"}[row.asProvider]
			s.developer().Post(t, "/v1/subscriptions/"+made.ID+"/"+action, nil).Want(t, 200)
		})
	}
}
