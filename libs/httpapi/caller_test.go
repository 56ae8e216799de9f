package httpapi_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// The contract's table of who may do what. Each row is an object as seen by a
// role of the consumer's team ("own"), of the service's team ("provides") and of
// neither ("foreign"), for each verb: y may, f is forbidden, n is not found.
var whoMayDoWhat = []struct {
	object   httpapi.ObjectKind
	public   bool
	role     httpapi.Role
	standing string // own, provides, foreign
	read     rune
	write    rune
	decide   rune
}{
	{httpapi.Consumer, false, httpapi.Developer, "own", 'y', 'y', 'f'},
	{httpapi.Consumer, false, httpapi.Developer, "foreign", 'n', 'n', 'n'},
	{httpapi.Consumer, false, httpapi.Provider, "own", 'n', 'n', 'n'},
	{httpapi.Consumer, false, httpapi.Provider, "foreign", 'n', 'n', 'n'},
	{httpapi.Consumer, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.Consumer, false, httpapi.Auditor, "foreign", 'y', 'f', 'f'},
	{httpapi.Consumer, false, "", "own", 'n', 'n', 'n'},

	{httpapi.Credential, false, httpapi.Developer, "own", 'y', 'y', 'f'},
	{httpapi.Credential, false, httpapi.Developer, "foreign", 'n', 'n', 'n'},
	{httpapi.Credential, false, httpapi.Provider, "own", 'n', 'n', 'n'},
	{httpapi.Credential, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.Credential, false, httpapi.Auditor, "own", 'y', 'f', 'f'},
	{httpapi.Credential, false, "", "own", 'n', 'n', 'n'},

	// A draft, or a service that only its team may see.
	{httpapi.Service, false, httpapi.Developer, "provides", 'y', 'f', 'f'},
	{httpapi.Service, false, httpapi.Developer, "foreign", 'n', 'n', 'n'},
	{httpapi.Service, false, httpapi.Provider, "provides", 'y', 'y', 'f'},
	{httpapi.Service, false, httpapi.Provider, "foreign", 'n', 'n', 'n'},
	{httpapi.Service, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.Service, false, httpapi.Auditor, "foreign", 'y', 'f', 'f'},
	{httpapi.Service, false, "", "provides", 'n', 'n', 'n'},
	// A published one.
	{httpapi.Service, true, httpapi.Developer, "provides", 'y', 'f', 'f'},
	{httpapi.Service, true, httpapi.Developer, "foreign", 'y', 'f', 'f'},
	{httpapi.Service, true, httpapi.Provider, "provides", 'y', 'y', 'f'},
	{httpapi.Service, true, httpapi.Provider, "foreign", 'y', 'f', 'f'},
	{httpapi.Service, true, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.Service, true, httpapi.Auditor, "foreign", 'y', 'f', 'f'},
	{httpapi.Service, true, "", "foreign", 'n', 'n', 'n'},

	{httpapi.Subscription, false, httpapi.Developer, "own", 'y', 'y', 'f'},
	{httpapi.Subscription, false, httpapi.Developer, "provides", 'n', 'n', 'n'},
	{httpapi.Subscription, false, httpapi.Developer, "foreign", 'n', 'n', 'n'},
	{httpapi.Subscription, false, httpapi.Provider, "provides", 'y', 'f', 'y'},
	{httpapi.Subscription, false, httpapi.Provider, "own", 'n', 'n', 'n'},
	{httpapi.Subscription, false, httpapi.Provider, "foreign", 'n', 'n', 'n'},
	{httpapi.Subscription, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.Subscription, false, httpapi.Auditor, "foreign", 'y', 'f', 'f'},
	{httpapi.Subscription, false, "", "own", 'n', 'n', 'n'},

	{httpapi.Audit, false, httpapi.Developer, "own", 'y', 'f', 'f'},
	{httpapi.Audit, false, httpapi.Developer, "provides", 'y', 'f', 'f'},
	{httpapi.Audit, false, httpapi.Developer, "foreign", 'n', 'n', 'n'},
	{httpapi.Audit, false, httpapi.Provider, "own", 'y', 'f', 'f'},
	{httpapi.Audit, false, httpapi.Provider, "provides", 'y', 'f', 'f'},
	{httpapi.Audit, false, httpapi.Provider, "foreign", 'n', 'n', 'n'},
	{httpapi.Audit, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.Audit, false, httpapi.Auditor, "foreign", 'y', 'f', 'f'},
	{httpapi.Audit, false, "", "own", 'n', 'n', 'n'},

	{httpapi.Webhook, false, httpapi.Developer, "own", 'y', 'y', 'f'},
	{httpapi.Webhook, false, httpapi.Developer, "foreign", 'n', 'n', 'n'},
	{httpapi.Webhook, false, httpapi.Provider, "own", 'y', 'y', 'f'},
	{httpapi.Webhook, false, httpapi.Provider, "foreign", 'n', 'n', 'n'},
	{httpapi.Webhook, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.Webhook, false, httpapi.Auditor, "foreign", 'y', 'f', 'f'},
	{httpapi.Webhook, false, "", "own", 'n', 'n', 'n'},

	{httpapi.Gateway, false, httpapi.Developer, "own", 'f', 'f', 'f'},
	{httpapi.Gateway, false, httpapi.Provider, "own", 'f', 'f', 'f'},
	{httpapi.Gateway, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.Gateway, false, httpapi.Auditor, "foreign", 'y', 'f', 'f'},
	{httpapi.Gateway, false, "", "own", 'f', 'f', 'f'},

	{httpapi.KeyRing, false, httpapi.Developer, "own", 'f', 'f', 'f'},
	{httpapi.KeyRing, false, httpapi.Provider, "own", 'f', 'f', 'f'},
	{httpapi.KeyRing, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.KeyRing, false, httpapi.Auditor, "foreign", 'y', 'f', 'f'},

	{httpapi.ServiceAccount, false, httpapi.Developer, "own", 'f', 'f', 'f'},
	{httpapi.ServiceAccount, false, httpapi.Provider, "own", 'f', 'f', 'f'},
	{httpapi.ServiceAccount, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.ServiceAccount, false, httpapi.Auditor, "foreign", 'y', 'f', 'f'},

	{httpapi.Operations, false, httpapi.Developer, "own", 'f', 'f', 'f'},
	{httpapi.Operations, false, httpapi.Provider, "own", 'f', 'f', 'f'},
	{httpapi.Operations, false, httpapi.Admin, "foreign", 'y', 'y', 'y'},
	{httpapi.Operations, false, httpapi.Auditor, "foreign", 'f', 'f', 'f'},

	// What nobody wrote a rule for is nobody's but an administrator's.
	{"spaceship", false, httpapi.Developer, "own", 'n', 'n', 'n'},
	{"spaceship", false, httpapi.Admin, "own", 'y', 'y', 'y'},
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	answers := map[rune]error{'y': nil, 'f': httpapi.ErrForbidden, 'n': es.ErrNotFound}
	for _, row := range whoMayDoWhat {
		for verb, want := range map[httpapi.Verb]rune{httpapi.Read: row.read, httpapi.Write: row.write, httpapi.Decide: row.decide} {
			name := fmt.Sprintf("%s of team %s asks to %s a %s (public %t)", row.role, row.standing, verb, row.object, row.public)
			t.Run(name, func(t *testing.T) {
				access := httpapi.Access{Object: row.object, Verb: verb, Public: row.public, Team: "other", ProviderTeam: "other"}
				switch row.standing {
				case "own":
					access.Team = "red"
				case "provides":
					access.ProviderTeam = "red"
				}
				caller := httpapi.Caller{Subject: "alice", Roles: []httpapi.Role{row.role}, Teams: []string{"red"}}
				ctx := httpapi.WithCaller(t.Context(), caller)
				if got := httpapi.Authorize(ctx, access); !errors.Is(got, answers[want]) {
					t.Errorf("got %v, want %v", got, answers[want])
				}
				if verb != httpapi.Read {
					// What does not exist yet cannot be hidden.
					access.New = true
					got := httpapi.Authorize(ctx, access)
					if want == 'y' && got != nil || want != 'y' && !errors.Is(got, httpapi.ErrForbidden) {
						t.Errorf("new: got %v", got)
					}
					return
				}
				if inList(httpapi.Visible(ctx, row.object), access) != (want == 'y') {
					t.Errorf("the list and the object disagree: %+v", httpapi.Visible(ctx, row.object))
				}
			})
		}
	}
}

// inList says whether a scope's readers find what an access describes.
func inList(scope httpapi.Scope, a httpapi.Access) bool {
	if scope.All {
		return true
	}
	indexed := map[string]bool{httpapi.ReaderTeam + a.Team: true, httpapi.ReaderProvider + a.ProviderTeam: true, httpapi.ReaderPublic: a.Public}
	for _, reader := range scope.Readers() {
		if indexed[reader] {
			return true
		}
	}
	return false
}

func TestRolesAddUpAndTeamlessObjectsAreNobodys(t *testing.T) {
	t.Parallel()
	both := httpapi.Caller{Subject: "bob", Roles: []httpapi.Role{httpapi.Provider, httpapi.Developer}, Teams: []string{"red", "blue"}}
	ctx := httpapi.WithCaller(t.Context(), both)
	for _, access := range []httpapi.Access{
		{Object: httpapi.Consumer, Verb: httpapi.Write, Team: "blue"},
		{Object: httpapi.Service, Verb: httpapi.Write, ProviderTeam: "red"},
		{Object: httpapi.Subscription, Verb: httpapi.Write, Team: "red", ProviderTeam: "other"},
		{Object: httpapi.Subscription, Verb: httpapi.Decide, Team: "other", ProviderTeam: "blue"},
	} {
		if err := httpapi.Authorize(ctx, access); err != nil {
			t.Errorf("%+v: %v", access, err)
		}
	}
	nameless := httpapi.WithCaller(t.Context(), httpapi.Caller{Subject: "eve", Roles: httpapi.Roles[1:3], Teams: []string{""}})
	for _, object := range []httpapi.ObjectKind{httpapi.Consumer, httpapi.Service, httpapi.Subscription, httpapi.Audit, httpapi.Webhook} {
		if err := httpapi.Authorize(nameless, httpapi.Access{Object: object, Verb: httpapi.Read}); !errors.Is(err, es.ErrNotFound) {
			t.Errorf("%s without a team: %v", object, err)
		}
	}
	if err := httpapi.Authorize(t.Context(), httpapi.Access{Object: httpapi.Service, Verb: httpapi.Read, Public: true}); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("nobody reads a public service: %v", err)
	}
}

func TestWhatWaitsForACallersDecision(t *testing.T) {
	t.Parallel()
	scope := func(roles ...httpapi.Role) httpapi.Scope {
		return httpapi.Deciding(httpapi.WithCaller(t.Context(), httpapi.Caller{Subject: "a", Roles: roles, Teams: []string{"red"}}))
	}
	if !scope(httpapi.Admin).All {
		t.Error("administrators decide on everything")
	}
	if got := scope(httpapi.Provider, httpapi.Developer).Readers(); len(got) != 1 || got[0] != httpapi.ReaderProvider+"red" {
		t.Errorf("a provider decides on its own services': %q", got)
	}
	for _, role := range []httpapi.Role{httpapi.Developer, httpapi.Auditor} {
		if !scope(role).Empty() {
			t.Errorf("nothing waits for a %s", role)
		}
	}
}
