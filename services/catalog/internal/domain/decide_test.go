package domain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
)

var (
	now      = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	sunset   = now.AddDate(0, 6, 0)
	concerns = events.Concerns{ServiceID: "petstore", ProviderTeam: "pets"}
)

// petstore answers a definition that can be published.
func petstore() domain.Definition {
	d := domain.Defaults()
	d.Name = "Pet store"
	d.Routes = []catalog.Route{{PathPrefix: "/petstore", Methods: []string{}, StripPrefix: true}}
	d.Upstreams = []catalog.Upstream{{URL: "http://127.0.0.1:9000", Weight: 1}}
	return d
}

func drafted(d domain.Definition) catalog.Drafted {
	return catalog.Drafted{
		Concerns: concerns, Name: d.Name, Description: d.Description, Kind: d.Kind, Tags: d.Tags, Category: d.Category,
		Visibility: d.Visibility, Routes: d.Routes, Upstreams: d.Upstreams, Accepts: d.Accepts, Approval: d.Approval,
		Plans: d.Plans, Staleness: d.Staleness, TimeoutSeconds: d.TimeoutSeconds, Documentation: d.Documentation,
	}
}

var (
	published   = catalog.Published{Concerns: concerns, Name: "Pet store"}
	unpublished = catalog.Unpublished{Concerns: concerns, Name: "Pet store"}
	deprecated  = catalog.Deprecated{Concerns: concerns, Name: "Pet store", SunsetAt: &sunset}
	retired     = catalog.Retired{Concerns: concerns, Name: "Pet store"}
)

func create(d domain.Definition) domain.Create {
	return domain.Create{ID: "petstore", Team: "pets", Definition: d}
}

func TestAServiceStartsAsADraft(t *testing.T) {
	estest.For(t, domain.Decider).Given().When(create(petstore())).Then(drafted(petstore()))
}

func TestADraftMayLackRoutesAndUpstreams(t *testing.T) {
	d := domain.Defaults()
	d.Name = "Idea"
	estest.For(t, domain.Decider).Given().When(create(d)).Then(drafted(d))
}

func TestAnIDIsUsedOnce(t *testing.T) {
	estest.For(t, domain.Decider).Given(drafted(petstore())).When(create(petstore())).Refused(domain.ErrExists)
	estest.For(t, domain.Decider).Given(drafted(petstore()), retired).When(create(petstore())).Refused(domain.ErrExists)
}

func TestAnIDHasItsForm(t *testing.T) {
	for _, id := range []string{"", "-a", "A", "a_b", "a.b", "a/b", "é", strings.Repeat("a", 64)} {
		c := create(petstore())
		c.ID = id
		estest.For(t, domain.Decider).Given().When(c).Refused(domain.ErrValue)
	}
}

// TestStatesAndCommands is the whole life of a service: what is not in the
// table as a success is an illegal transition.
func TestStatesAndCommands(t *testing.T) {
	states := map[domain.Status][]events.Data{
		domain.Draft:      {drafted(petstore())},
		domain.Published:  {drafted(petstore()), published},
		domain.Deprecated: {drafted(petstore()), published, deprecated},
		domain.Retired:    {drafted(petstore()), published, retired},
	}
	renamed := "Renamed"
	update := domain.Update{Patch: domain.Patch{Name: &renamed}}
	updated := catalog.Updated{Concerns: concerns, Name: &events.Change[string]{Before: "Pet store", After: renamed}}
	deprecate := domain.Deprecate{SunsetAt: sunset, At: now}
	for name, row := range map[string]struct {
		command domain.Command
		event   events.Data
		from    []domain.Status
	}{
		"update":    {update, updated, []domain.Status{domain.Draft, domain.Published, domain.Deprecated}},
		"publish":   {domain.Publish{}, published, []domain.Status{domain.Draft, domain.Deprecated}},
		"unpublish": {domain.Unpublish{}, unpublished, []domain.Status{domain.Published, domain.Deprecated}},
		"deprecate": {deprecate, deprecated, []domain.Status{domain.Published}},
		"retire":    {domain.Retire{}, retired, []domain.Status{domain.Draft, domain.Published, domain.Deprecated}},
	} {
		for status, given := range states {
			t.Run(name+" a "+string(status)+" service", func(t *testing.T) {
				when := estest.For(t, domain.Decider).Given(given...).When(row.command)
				for _, from := range row.from {
					if from == status {
						when.Then(row.event)
						return
					}
				}
				when.Refused(domain.ErrIllegal.In(string(status)))
			})
		}
		t.Run(name+" a service that never was", func(t *testing.T) {
			estest.For(t, domain.Decider).Given().When(row.command).Refused(es.ErrNotFound)
		})
	}
}

func TestAnIncompleteServiceIsNotPublished(t *testing.T) {
	noRoute, noUpstream := petstore(), petstore()
	noRoute.Routes, noUpstream.Upstreams = nil, nil
	for _, d := range []domain.Definition{noRoute, noUpstream} {
		estest.For(t, domain.Decider).Given(drafted(d)).When(domain.Publish{}).Refused(domain.ErrIncomplete)
	}
}

func TestAPublishedServiceStaysComplete(t *testing.T) {
	estest.For(t, domain.Decider).
		Given(drafted(petstore()), published).
		When(domain.Update{Patch: domain.Patch{Upstreams: &[]catalog.Upstream{}}}).
		Refused(domain.ErrIncomplete)
	estest.For(t, domain.Decider).
		Given(drafted(petstore()), published, unpublished).
		When(domain.Update{Patch: domain.Patch{Upstreams: &[]catalog.Upstream{}}}).
		Then(catalog.Updated{Concerns: concerns, Upstreams: &events.Change[[]catalog.Upstream]{Before: petstore().Upstreams, After: []catalog.Upstream{}}})
}

func TestASunsetIsInTheFuture(t *testing.T) {
	estest.For(t, domain.Decider).
		Given(drafted(petstore()), published).
		When(domain.Deprecate{SunsetAt: now, At: now}).
		Refused(domain.ErrSunset)
}

func TestAnUpdateThatChangesNothingIsNoEvent(t *testing.T) {
	d := petstore()
	estest.For(t, domain.Decider).
		Given(drafted(d)).
		When(domain.Update{Patch: domain.Patch{Name: &d.Name, Routes: &d.Routes, Plans: &d.Plans, Accepts: &d.Accepts}}).
		Then()
}

func TestAnUpdateNamesBeforeAndAfter(t *testing.T) {
	auto, seconds := domain.ApprovalAuto, 5
	gold := append(petstore().Plans, catalog.Plan{ID: "gold", Rate: &consumer.Rate{Requests: 10, PerSeconds: 1}})
	estest.For(t, domain.Decider).
		Given(drafted(petstore())).
		When(domain.Update{Patch: domain.Patch{ApprovalMode: &auto, StaleSeconds: &seconds, Plans: &gold}}).
		Then(catalog.Updated{
			Concerns:  concerns,
			Approval:  &events.Change[catalog.Approval]{Before: catalog.Approval{Mode: "manual"}, After: catalog.Approval{Mode: "auto"}},
			Plans:     &events.Change[[]catalog.Plan]{Before: petstore().Plans, After: gold},
			Staleness: &events.Change[catalog.Staleness]{Before: petstore().Staleness, After: catalog.Staleness{Mode: "serve-stale", Seconds: 5}},
		})
}

func TestRoutesAreKeptInOneForm(t *testing.T) {
	given, kept := petstore(), petstore()
	given.Routes = []catalog.Route{
		{Host: "API.Example.com.", PathPrefix: "/v1/", Methods: []string{"post", "GET", "get"}},
		{PathPrefix: "/"},
		{PathPrefix: "/caf%C3%A9"},
	}
	kept.Routes = []catalog.Route{
		{Host: "api.example.com", PathPrefix: "/v1", Methods: []string{"GET", "POST"}},
		{PathPrefix: "/", Methods: []string{}},
		{PathPrefix: "/café", Methods: []string{}},
	}
	estest.For(t, domain.Decider).Given().When(create(given)).Then(drafted(kept))
}

func TestWhatAGatewayWouldNotMatchIsNoPrefix(t *testing.T) {
	for _, prefix := range []string{
		"", "a", "//", "/a//b", "/a/../b", "/a/.", "/%2e%2e/a", "/a%2Fb", "/a%5cb", `/a\b`, "/a?b", "/a#b", "/%zz", "/%", "/%ff",
		"/%00", "/a%0ab", "/%2525", "/" + strings.Repeat("a", 1024),
	} {
		d := petstore()
		d.Routes = []catalog.Route{{PathPrefix: prefix}}
		estest.For(t, domain.Decider).Given().When(create(d)).Refused(domain.ErrRoute)
	}
}

func TestRoutesOfOneServiceDoNotCollide(t *testing.T) {
	d := petstore()
	d.Routes = []catalog.Route{{Host: "a.example", PathPrefix: "/v1"}, {Host: "A.example", PathPrefix: "/v1/"}}
	estest.For(t, domain.Decider).Given().When(create(d)).Refused(domain.ErrRoute)
}

func TestBadDefinitionsAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(*domain.Definition)
		err   error
	}{
		"a name is asked for":                 {func(d *domain.Definition) { d.Name = "" }, domain.ErrValue},
		"a name is not endless":               {func(d *domain.Definition) { d.Name = strings.Repeat("n", 257) }, domain.ErrValue},
		"a name has no control characters":    {func(d *domain.Definition) { d.Name = "a\x00" }, domain.ErrValue},
		"a name is UTF-8":                     {func(d *domain.Definition) { d.Name = "\xff" }, domain.ErrValue},
		"a kind is known":                     {func(d *domain.Definition) { d.Kind = "soap" }, domain.ErrValue},
		"a visibility is known":               {func(d *domain.Definition) { d.Visibility = "secret" }, domain.ErrValue},
		"a tag is not empty":                  {func(d *domain.Definition) { d.Tags = []string{""} }, domain.ErrValue},
		"a tag is there once":                 {func(d *domain.Definition) { d.Tags = []string{"a", "a"} }, domain.ErrValue},
		"a type is accepted":                  {func(d *domain.Definition) { d.Accepts = []string{} }, domain.ErrValue},
		"an accepted type is known":           {func(d *domain.Definition) { d.Accepts = []string{"password"} }, domain.ErrValue},
		"approval is known":                   {func(d *domain.Definition) { d.Approval.Mode = "maybe" }, domain.ErrValue},
		"approval by policy has to wait":      {func(d *domain.Definition) { d.Approval.Mode = "policy" }, domain.ErrPolicy},
		"an expression belongs to a policy":   {func(d *domain.Definition) { d.Approval.Expression = "true" }, domain.ErrValue},
		"a service has a plan":                {func(d *domain.Definition) { d.Plans = nil }, domain.ErrValue},
		"a plan id has its form":              {func(d *domain.Definition) { d.Plans[0].ID = "Gold!" }, domain.ErrValue},
		"a plan is there once":                {func(d *domain.Definition) { d.Plans = append(d.Plans, d.Plans[0]) }, domain.ErrPlanTwice},
		"a rate admits something":             {func(d *domain.Definition) { d.Plans[0].Rate = &consumer.Rate{PerSeconds: 1} }, domain.ErrValue},
		"a quota has a known span":            {func(d *domain.Definition) { d.Plans[0].Quota = &consumer.Quota{Requests: 1, Per: "year"} }, domain.ErrValue},
		"a plan's approval is judged too":     {func(d *domain.Definition) { d.Plans[0].Approval = &catalog.Approval{Mode: "policy"} }, domain.ErrPolicy},
		"staleness has a known mode":          {func(d *domain.Definition) { d.Staleness.Mode = "open" }, domain.ErrValue},
		"staleness has a bound":               {func(d *domain.Definition) { d.Staleness.Seconds = 0 }, domain.ErrValue},
		"a call takes time":                   {func(d *domain.Definition) { d.TimeoutSeconds = 0 }, domain.ErrValue},
		"a call does not take for ever":       {func(d *domain.Definition) { d.TimeoutSeconds = 601 }, domain.ErrValue},
		"documentation is not endless":        {func(d *domain.Definition) { d.Documentation = strings.Repeat("d", 64<<10+1) }, domain.ErrValue},
		"a host has no port":                  {func(d *domain.Definition) { d.Routes[0].Host = "a.example:80" }, domain.ErrRoute},
		"a host is no wildcard":               {func(d *domain.Definition) { d.Routes[0].Host = "*.example" }, domain.ErrRoute},
		"a method is a token":                 {func(d *domain.Definition) { d.Routes[0].Methods = []string{"GET POST"} }, domain.ErrRoute},
		"an upstream is absolute":             {func(d *domain.Definition) { d.Upstreams[0].URL = "/a" }, domain.ErrUpstream},
		"an upstream has a host":              {func(d *domain.Definition) { d.Upstreams[0].URL = "http:///a" }, domain.ErrUpstream},
		"an upstream is http":                 {func(d *domain.Definition) { d.Upstreams[0].URL = "ftp://a" }, domain.ErrUpstream},
		"an upstream has no user":             {func(d *domain.Definition) { d.Upstreams[0].URL = "http://u:p@a" }, domain.ErrUpstream},
		"an upstream has no query":            {func(d *domain.Definition) { d.Upstreams[0].URL = "http://a?" }, domain.ErrUpstream},
		"an upstream has no fragment":         {func(d *domain.Definition) { d.Upstreams[0].URL = "http://a#" }, domain.ErrUpstream},
		"an upstream has a weight":            {func(d *domain.Definition) { d.Upstreams[0].Weight = 0 }, domain.ErrValue},
		"there are not too many upstreams":    {func(d *domain.Definition) { d.Upstreams = make([]catalog.Upstream, 65) }, domain.ErrValue},
		"there are not too many routes":       {func(d *domain.Definition) { d.Routes = make([]catalog.Route, 65) }, domain.ErrValue},
		"there are not too many plans":        {func(d *domain.Definition) { d.Plans = make([]catalog.Plan, 33) }, domain.ErrValue},
		"a plan's name is not endless":        {func(d *domain.Definition) { d.Plans[0].Name = strings.Repeat("n", 257) }, domain.ErrValue},
		"a plan's description is not endless": {func(d *domain.Definition) { d.Plans[0].Description = strings.Repeat("n", 4097) }, domain.ErrValue},
	} {
		t.Run(name, func(t *testing.T) {
			d := petstore()
			row.spoil(&d)
			estest.For(t, domain.Decider).Given().When(create(d)).Refused(row.err)
		})
	}
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
