package domain_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
)

var (
	concerns  = events.Concerns{ConsumerID: "acme", Team: "payments"}
	suspended = consumer.Suspended{Concerns: concerns, Reason: "audit"}
	resumed   = consumer.Resumed{Concerns: concerns}
	deleted   = consumer.Deleted{Concerns: concerns, Name: "Acme"}
)

func acme() domain.Profile {
	return domain.Profile{
		Name:          "Acme",
		Description:   "The road runner's supplier",
		Labels:        map[string]string{"tier": "gold"},
		ContactSealed: []byte("sealed"),
		Limits:        &consumer.Limits{Rate: &consumer.Rate{Requests: 100, PerSeconds: 60}},
	}
}

func registered(p domain.Profile) consumer.Registered {
	return consumer.Registered{
		Concerns: concerns, Name: p.Name, Description: p.Description, Labels: p.Labels,
		ContactSealed: p.ContactSealed, Limits: p.Limits,
	}
}

func register(p domain.Profile) domain.Register {
	return domain.Register{ID: "acme", Team: "payments", Profile: p}
}

// refusedAs demands that a refusal names the place of the fault, and the status
// that forbids it.
func refusedAs(t *testing.T, err error, location, status string) {
	t.Helper()
	var refusal *es.Refusal
	if !errors.As(err, &refusal) || refusal.Location != location || refusal.Current != status {
		t.Fatalf("refused at %q in %q, want %q in %q", refusal.Location, refusal.Current, location, status)
	}
}

func TestAConsumerIsRegisteredWithItsTeam(t *testing.T) {
	estest.For(t, domain.Decider).Given().When(register(acme())).Then(registered(acme()))
}

func TestAnIDIsUsedOnceAlsoAfterItsConsumerIsDeleted(t *testing.T) {
	estest.For(t, domain.Decider).Given(registered(acme())).When(register(acme())).Refused(domain.ErrExists)
	estest.For(t, domain.Decider).Given(registered(acme()), deleted).When(register(acme())).Refused(domain.ErrExists)
}

func TestAnIDHasItsForm(t *testing.T) {
	for _, id := range []string{"", "a b", "a.b", "a/b", "é", "a\n", strings.Repeat("a", 513)} {
		c := register(acme())
		c.ID = id
		estest.For(t, domain.Decider).Given().When(c).Refused(domain.ErrInvalid)
	}
	for _, id := range []string{"a", "A_b-9", strings.Repeat("a", 512)} {
		c, want := register(acme()), registered(acme())
		c.ID, want.ConsumerID = id, id
		estest.For(t, domain.Decider).Given().When(c).Then(want)
	}
}

// TestStatesAndCommands is the whole life of a consumer: what is not in the
// table as a success is an illegal transition.
func TestStatesAndCommands(t *testing.T) {
	states := map[domain.Status][]events.Data{
		domain.Active:    {registered(acme())},
		domain.Suspended: {registered(acme()), suspended},
		domain.Deleted:   {registered(acme()), suspended, deleted},
	}
	renamed := "Acme Ltd"
	rename := domain.Update{Change: func(p domain.Profile) (domain.Profile, error) {
		p.Name = renamed
		return p, nil
	}}
	updated := consumer.Updated{Concerns: concerns, Name: &events.Change[string]{Before: "Acme", After: renamed}}
	for name, c := range map[string]struct {
		command domain.Command
		from    map[domain.Status]events.Data
	}{
		"suspend": {domain.Suspend{Reason: "audit"}, map[domain.Status]events.Data{domain.Active: suspended}},
		"resume":  {domain.Resume{}, map[domain.Status]events.Data{domain.Suspended: resumed}},
		"delete":  {domain.Delete{}, map[domain.Status]events.Data{domain.Active: deleted, domain.Suspended: deleted}},
		"update": {rename, map[domain.Status]events.Data{
			domain.Active: updated, domain.Suspended: updated,
		}},
	} {
		for status, given := range states {
			t.Run(name+" when "+string(status), func(t *testing.T) {
				when := estest.For(t, domain.Decider).Given(given...).When(c.command)
				if want, legal := c.from[status]; legal {
					when.Then(want)
				} else {
					refusedAs(t, when.Refused(domain.ErrIllegal), "", string(status))
				}
			})
		}
		t.Run(name+" of nobody", func(t *testing.T) {
			estest.For(t, domain.Decider).Given().When(c.command).Refused(domain.ErrMissing)
		})
	}
}

func TestAnUpdateThatChangesNothingMakesNoEvent(t *testing.T) {
	estest.For(t, domain.Decider).Given(registered(acme())).
		When(domain.Update{Change: func(domain.Profile) (domain.Profile, error) { return acme(), nil }}).
		Then()
}

func TestAnUpdateIsMadeOfThePresentProfile(t *testing.T) {
	estest.For(t, domain.Decider).Given(registered(acme())).
		When(domain.Update{Change: func(p domain.Profile) (domain.Profile, error) {
			p.Labels = maps.Clone(p.Labels)
			p.Labels["region"] = "eu"
			return p, nil
		}}).
		Then(consumer.Updated{Concerns: concerns, Labels: &events.Change[map[string]string]{
			Before: map[string]string{"tier": "gold"},
			After:  map[string]string{"tier": "gold", "region": "eu"},
		}})
}

func TestAnUpdateThatCannotBeMadeIsRefused(t *testing.T) {
	reason := errors.New("not now")
	estest.For(t, domain.Decider).Given(registered(acme())).
		When(domain.Update{Change: func(p domain.Profile) (domain.Profile, error) { return p, reason }}).
		Refused(reason)
}

func TestLimitsThatLimitNothingAreNone(t *testing.T) {
	estest.For(t, domain.Decider).Given(registered(acme())).
		When(domain.Update{Change: func(p domain.Profile) (domain.Profile, error) {
			p.Limits = &domain.Limits{AllowedIPs: []string{}}
			return p, nil
		}}).
		Then(consumer.Updated{Concerns: concerns, Limits: &events.Change[*consumer.Limits]{Before: acme().Limits}})
}

func TestAllowedAddressesAreKeptInOneSpelling(t *testing.T) {
	p := acme()
	p.Limits = &domain.Limits{AllowedIPs: []string{
		"10.1.2.3/8", "10.0.0.0/8", "192.0.2.7", "2001:DB8::1", "2001:db8::ffff/32", "::ffff:192.0.2.7", "::ffff:10.0.0.0/104",
	}}
	want := p
	want.Limits = &domain.Limits{AllowedIPs: []string{"10.0.0.0/8", "192.0.2.7", "2001:db8::1", "2001:db8::/32"}}
	estest.For(t, domain.Decider).Given().When(register(p)).Then(registered(want))
}

func TestAProfileThatIsNotValidIsRefusedWhereTheFaultIs(t *testing.T) {
	many := map[string]string{}
	for i := range domain.MaxLabels + 1 {
		many["k"+strings.Repeat("x", i%60)+string(rune('a'+i/60))] = "v"
	}
	rate := func(requests, seconds int64) func(*domain.Profile) {
		return func(p *domain.Profile) {
			p.Limits = &domain.Limits{Rate: &domain.Rate{Requests: requests, PerSeconds: seconds}}
		}
	}
	quota := func(requests int64, per string) func(*domain.Profile) {
		return func(p *domain.Profile) {
			p.Limits = &domain.Limits{Quota: &domain.Quota{Requests: requests, Per: per}}
		}
	}
	labelled := func(labels map[string]string) func(*domain.Profile) {
		return func(p *domain.Profile) { p.Labels = labels }
	}
	allowing := func(addresses ...string) func(*domain.Profile) {
		return func(p *domain.Profile) { p.Limits = &domain.Limits{AllowedIPs: addresses} }
	}
	for name, c := range map[string]struct {
		change func(*domain.Profile)
		at     string
	}{
		"no name":                   {func(p *domain.Profile) { p.Name = "" }, "body.name"},
		"a name of blanks":          {func(p *domain.Profile) { p.Name = " \u00a0" }, "body.name"},
		"a name of two lines":       {func(p *domain.Profile) { p.Name = "a\nb" }, "body.name"},
		"a long name":               {func(p *domain.Profile) { p.Name = strings.Repeat("é", 257) }, "body.name"},
		"a name that rings":         {func(p *domain.Profile) { p.Name = "a\a" }, "body.name"},
		"a name that is no text":    {func(p *domain.Profile) { p.Name = "\xff" }, "body.name"},
		"a long description":        {func(p *domain.Profile) { p.Description = strings.Repeat("a", 4097) }, "body.description"},
		"too many labels":           {labelled(many), "body.labels"},
		"a label key with a colon":  {labelled(map[string]string{"a:b": "c"}), "body.labels"},
		"an empty label key":        {labelled(map[string]string{"": "c"}), "body.labels"},
		"a long label key":          {labelled(map[string]string{strings.Repeat("a", 64): "c"}), "body.labels"},
		"an empty label value":      {labelled(map[string]string{"a": ""}), "body.labels.a"},
		"a long label value":        {labelled(map[string]string{"a": strings.Repeat("b", 257)}), "body.labels.a"},
		"a label value of lines":    {labelled(map[string]string{"a": "b\nc"}), "body.labels.a"},
		"a rate of nothing":         {rate(0, 60), "body.limits.rate.requests"},
		"a rate in no time":         {rate(1, 0), "body.limits.rate.per_seconds"},
		"a rate over days":          {rate(1, 86_401), "body.limits.rate.per_seconds"},
		"a quota of nothing":        {quota(0, "day"), "body.limits.quota.requests"},
		"a quota per week":          {quota(1, "week"), "body.limits.quota.per"},
		"an address that is none":   {allowing("10.0.0.1", "10.0.0.256"), "body.limits.allowed_ips[1]"},
		"a block that is none":      {allowing("10.0.0.0/33"), "body.limits.allowed_ips[0]"},
		"a host name":               {allowing("localhost"), "body.limits.allowed_ips[0]"},
		"an address with a zone":    {allowing("fe80::1%eth0"), "body.limits.allowed_ips[0]"},
		"a block half in IPv4":      {allowing("::ffff:0.0.0.0/90"), "body.limits.allowed_ips[0]"},
		"more addresses than there": {allowing(make([]string, 257)...), "body.limits.allowed_ips"},
	} {
		t.Run(name, func(t *testing.T) {
			p := acme()
			c.change(&p)
			refusedAs(t, estest.For(t, domain.Decider).Given().When(register(p)).Refused(domain.ErrInvalid), c.at, "")
		})
	}
}

func TestTheKeyOfAContactIsErasedWithTheContact(t *testing.T) {
	none := []byte{}
	erased := es.Effects{Material: []es.Material{{Key: "acme.contact", Erase: true}}}
	for name, c := range map[string]struct {
		then events.Data
		want es.Effects
	}{
		"when the consumer is deleted":     {deleted, erased},
		"when the contact is taken away":   {consumer.Updated{ContactSealed: &events.Change[[]byte]{After: none}}, erased},
		"not when the contact is replaced": {consumer.Updated{ContactSealed: &events.Change[[]byte]{After: []byte("b")}}, es.Effects{}},
		"not when it is suspended":         {suspended, es.Effects{}},
	} {
		t.Run(name, func(t *testing.T) {
			before := domain.Decider.Fold(domain.Decider.Initial, registered(acme()))
			after := domain.Decider.Evolve(before, c.then)
			if diff := cmp.Diff(c.want, domain.Effects(before, after)); diff != "" {
				t.Fatalf("effects (-want +got):\n%s", diff)
			}
		})
	}
}
