package domain_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
)

func TestRoutesAreKeptInOneForm(t *testing.T) {
	given, kept := petstore(), petstore()
	given.Routes = []catalog.Route{
		{Host: "API.Example.com.", PathPrefix: "/v1/", Methods: []string{"post", "GET", "get"}},
		{PathPrefix: "/"},
		{PathPrefix: "/caf%c3%a9"},
		{PathPrefix: "/%7Eann/ü"},
	}
	kept.Routes = []catalog.Route{
		{Host: "api.example.com", PathPrefix: "/v1", Methods: []string{"GET", "POST"}},
		{PathPrefix: "/", Methods: []string{}},
		{PathPrefix: "/caf%C3%A9", Methods: []string{}},
		{PathPrefix: "/~ann/%C3%BC", Methods: []string{}},
	}
	estest.For(t, domain.Decider).Given().When(create(given)).Then(drafted(kept))
}

func TestWhatAGatewayWouldNotMatchIsNoPrefix(t *testing.T) {
	for _, prefix := range []string{
		"", "a", "//", "/a//b", "/a/../b", "/a/.", "/%2e%2e/a", "/a%2Fb", "/a%5cb", `/a\b`, "/a?b", "/a#b", "/%zz", "/%", "/%ff",
		"/%00", "/a%0ab", "/a:b", "/a%3ab", "/a;b", "/..;a", "/" + strings.Repeat("a", 1024),
	} {
		d := petstore()
		d.Routes = []catalog.Route{{PathPrefix: prefix}}
		estest.For(t, domain.Decider).Given().When(create(d)).Refused(domain.ErrInvalidRoute)
	}
}

// What the catalogue takes is what the rule can compare, and stays as it is.
func TestAPrefixIsOneThatTheRuleKnows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			"a", "/", ".", "%2e", "%2F", "%c3%a9", "é", "~", "%7e", ":", "%3A", " ", "%25", "%", "\\", "\x01", "%85", "\u0085", "?", ";", "\xff", "<", "|",
		}), 0, 6).Draw(t, "parts"), "")
		prefix, err := domain.CanonicalPrefix(drawn)
		if err != nil {
			return
		}
		if err := access.CheckPrefix(prefix); err != nil {
			t.Fatalf("%q became %q: %v", drawn, prefix, err)
		}
		if again, err := domain.CanonicalPrefix(prefix); err != nil || again != prefix {
			t.Fatalf("%q became %q and then %q (%v)", drawn, prefix, again, err)
		}
		if path, err := access.CanonicalPath(drawn); err != nil || strings.TrimSuffix(path, "/") != strings.TrimSuffix(prefix, "/") {
			t.Fatalf("%q is the path %q (%v) and the prefix %q", drawn, path, err, prefix)
		}
	})
}

func TestRoutesOfOneServiceDoNotCollide(t *testing.T) {
	d := petstore()
	d.Routes = []catalog.Route{{Host: "a.example", PathPrefix: "/v1"}, {Host: "A.example", PathPrefix: "/v1/"}}
	estest.For(t, domain.Decider).Given().When(create(d)).Refused(domain.ErrInvalidRoute)
}

func TestRoutesAreClaimedWhileTheServiceLives(t *testing.T) {
	state := func(status domain.Status, prefixes ...string) domain.State {
		s := domain.State{Status: status}
		for _, p := range prefixes {
			s.Definition.Routes = append(s.Definition.Routes, catalog.Route{Host: "h", PathPrefix: p})
		}
		return s
	}
	claim := func(value string) es.Claim { return es.Claim{Scope: "route", Value: value} }
	release := func(value string) es.Claim { return es.Claim{Scope: "route", Value: value, Release: true} }
	for name, row := range map[string]struct {
		before, after domain.State
		claims        []es.Claim
	}{
		"a draft claims":                     {domain.State{}, state(domain.Draft, "/a", "/b"), []es.Claim{claim("h/a"), claim("h/b")}},
		"publishing changes no claim":        {state(domain.Draft, "/a"), state(domain.Published, "/a"), nil},
		"a change gives up and claims":       {state(domain.Draft, "/a", "/b"), state(domain.Draft, "/b", "/c"), []es.Claim{release("h/a"), claim("h/c")}},
		"a retired service gives up its own": {state(domain.Published, "/a", "/b"), state(domain.Retired, "/a", "/b"), []es.Claim{release("h/a"), release("h/b")}},
	} {
		t.Run(name, func(t *testing.T) {
			got := domain.Effects(row.before, row.after)
			if len(got.Material) != 0 || len(got.Claims) != len(row.claims) {
				t.Fatalf("effects are %+v, want the claims %+v", got, row.claims)
			}
			for i := range row.claims {
				if got.Claims[i] != row.claims[i] {
					t.Errorf("claim %d is %+v, want %+v", i, got.Claims[i], row.claims[i])
				}
			}
		})
	}
}
