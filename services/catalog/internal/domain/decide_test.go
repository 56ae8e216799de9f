package domain_test

import (
	"errors"
	"slices"
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
	d := idea()
	d.Name = "Pet store"
	d.Routes = []catalog.Route{{PathPrefix: "/petstore", Methods: []string{}, StripPrefix: true}}
	d.Upstreams = []catalog.Upstream{{URL: "http://127.0.0.1:9000", Weight: 1}}
	return d
}

// idea answers what a definition is of which only the name was given.
func idea() domain.Definition {
	return domain.Definition{
		Name: "Idea", Kind: "rest", Tags: []string{}, Visibility: "public", Routes: []catalog.Route{}, Upstreams: []catalog.Upstream{},
		Accepts:  []string{"api_key", "basic", "jwt", "hmac", "oauth2"},
		Approval: catalog.Approval{Mode: "manual"}, Plans: []catalog.Plan{{ID: "default"}},
		Staleness: catalog.Staleness{Mode: "serve-stale", Seconds: 60}, TimeoutSeconds: 30,
	}
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

func TestOnlyANameIsAskedFor(t *testing.T) {
	estest.For(t, domain.Decider).Given().When(create(domain.Definition{Name: "Idea"})).Then(drafted(idea()))
}

func TestAnUpstreamWeighsOne(t *testing.T) {
	d := petstore()
	d.Upstreams = []catalog.Upstream{{URL: "http://127.0.0.1:9000"}}
	estest.For(t, domain.Decider).Given().When(create(d)).Then(drafted(petstore()))
}

// update changes the definition by a function.
func update(change func(*domain.Definition)) domain.Update {
	return domain.Update{Change: func(d domain.Definition) domain.Definition {
		change(&d)
		return d
	}}
}

func TestAnIDIsUsedOnce(t *testing.T) {
	estest.For(t, domain.Decider).Given(drafted(petstore())).When(create(petstore())).Refused(domain.ErrExists)
	estest.For(t, domain.Decider).Given(drafted(petstore()), retired).When(create(petstore())).Refused(domain.ErrExists)
}

func TestAnIDHasItsForm(t *testing.T) {
	for _, id := range []string{"", "-a", "A", "a_b", "a.b", "a/b", "é", strings.Repeat("a", 64)} {
		c := create(petstore())
		c.ID = id
		estest.For(t, domain.Decider).Given().When(c).Refused(domain.ErrInvalid)
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
	rename := update(func(d *domain.Definition) { d.Name = "Renamed" })
	renamed := catalog.Updated{Concerns: concerns, Name: &events.Change[string]{Before: "Pet store", After: "Renamed"}}
	deprecate := domain.Deprecate{SunsetAt: sunset, Now: now}
	for name, row := range map[string]struct {
		command domain.Command
		event   events.Data
		from    []domain.Status
	}{
		"update":    {rename, renamed, []domain.Status{domain.Draft, domain.Published, domain.Deprecated}},
		"publish":   {domain.Publish{}, published, []domain.Status{domain.Draft, domain.Deprecated}},
		"unpublish": {domain.Unpublish{}, unpublished, []domain.Status{domain.Published, domain.Deprecated}},
		"deprecate": {deprecate, deprecated, []domain.Status{domain.Published}},
		"retire":    {domain.Retire{}, retired, []domain.Status{domain.Draft, domain.Published, domain.Deprecated}},
	} {
		for status, given := range states {
			t.Run(name+" a "+string(status)+" service", func(t *testing.T) {
				when := estest.For(t, domain.Decider).Given(given...).When(row.command)
				if slices.Contains(row.from, status) {
					when.Then(row.event)
					return
				}
				refusedIn(t, when.Refused(domain.ErrIllegal), status)
			})
		}
		t.Run(name+" a service that never was", func(t *testing.T) {
			estest.For(t, domain.Decider).Given().When(row.command).Refused(domain.ErrMissing)
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
		When(update(func(d *domain.Definition) { d.Upstreams = nil })).
		Refused(domain.ErrIncomplete)
	estest.For(t, domain.Decider).
		Given(drafted(petstore()), published, unpublished).
		When(update(func(d *domain.Definition) { d.Upstreams = nil })).
		Then(catalog.Updated{Concerns: concerns, Upstreams: &events.Change[[]catalog.Upstream]{Before: petstore().Upstreams, After: []catalog.Upstream{}}})
}

func TestASunsetIsInTheFuture(t *testing.T) {
	estest.For(t, domain.Decider).
		Given(drafted(petstore()), published).
		When(domain.Deprecate{SunsetAt: now, Now: now}).
		Refused(domain.ErrSunsetInPast)
}

func TestAnUpdateThatChangesNothingIsNoEvent(t *testing.T) {
	estest.For(t, domain.Decider).Given(drafted(petstore())).When(update(func(d *domain.Definition) { *d = petstore() })).Then()
}

func TestAnUpdateNamesBeforeAndAfter(t *testing.T) {
	gold := append(petstore().Plans, catalog.Plan{ID: "gold", Rate: &consumer.Rate{Requests: 10, PerSeconds: 1}})
	estest.For(t, domain.Decider).
		Given(drafted(petstore())).
		When(update(func(d *domain.Definition) { d.Approval.Mode, d.Staleness.Seconds, d.Plans = "auto", 5, gold })).
		Then(catalog.Updated{
			Concerns:  concerns,
			Approval:  &events.Change[catalog.Approval]{Before: catalog.Approval{Mode: "manual"}, After: catalog.Approval{Mode: "auto"}},
			Plans:     &events.Change[[]catalog.Plan]{Before: petstore().Plans, After: gold},
			Staleness: &events.Change[catalog.Staleness]{Before: petstore().Staleness, After: catalog.Staleness{Mode: "serve-stale", Seconds: 5}},
		})
}

// refusedIn demands that a refusal names the status that the object is in.
func refusedIn(t *testing.T, err error, status domain.Status) {
	t.Helper()
	if refusal, ok := errors.AsType[*es.Refusal](err); !ok || refusal.Current != string(status) {
		t.Errorf("the refusal %v does not name the status %s", err, status)
	}
}
