package domain_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

var (
	now      = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	hour     = now.Add(time.Hour)
	day      = now.AddDate(0, 0, 1)
	concerns = events.Concerns{ConsumerID: "acme", CredentialID: "cred_1", Team: "payments"}
)

func settings() domain.Settings {
	return domain.Settings{
		Name:      "production",
		Placement: domain.Placement{In: "header", Name: "X-API-Key"},
		Config:    json.RawMessage(`{}`),
	}
}

func issue(s domain.Settings) domain.Issue {
	return domain.Issue{ID: "cred_1", ConsumerID: "acme", Team: "payments", Type: "api_key", Settings: s, Now: now}
}

func issuedWith(s domain.Settings) credential.Issued {
	return credential.Issued{
		Concerns: concerns, Name: s.Name, Type: "api_key", Placement: s.Placement, Config: s.Config,
		ExpiresAt: s.ExpiresAt, HideCredentials: s.HideCredentials, SecretVersion: 1,
	}
}

// dated is the event of a credential that expires in a day.
func dated() credential.Issued {
	s := settings()
	s.ExpiresAt = &day
	return issuedWith(s)
}

var (
	issued    = issuedWith(settings())
	suspended = credential.Suspended{Concerns: concerns, Reason: "leak"}
	resumed   = credential.Resumed{Concerns: concerns}
	revoked   = credential.Revoked{Concerns: concerns, Name: "production", Type: "api_key", Reason: "gone"}
	expired   = credential.Expired{Concerns: concerns, ExpiresAt: day}
	retired1  = credential.SecretRetired{Concerns: concerns, SecretVersion: 1}
)

func rotated(version, retiring int, until *time.Time, dead ...int) credential.Rotated {
	return credential.Rotated{
		Concerns: concerns, SecretVersion: version, RetiringVersion: retiring, RetiringNotAfter: until, RetiredVersions: dead,
	}
}

// rotate asks for another secret of a credential with the usual settings.
func rotate(version int, at time.Time, overlap time.Duration) domain.Rotate {
	return domain.Rotate{SecretVersion: version, For: settings(), Config: settings().Config, Now: at, Overlap: overlap}
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

func TestACredentialIsIssuedWithTheFirstVersionOfItsSecret(t *testing.T) {
	estest.For(t, domain.Decider).Given().When(issue(settings())).Then(issued)
}

func TestAnExpiryIsKeptInUTC(t *testing.T) {
	s := settings()
	elsewhere := day.In(time.FixedZone("", 3600))
	s.ExpiresAt = &elsewhere
	estest.For(t, domain.Decider).Given().When(issue(s)).Then(dated())
}

func TestAnIDIsUsedOnce(t *testing.T) {
	refusedAs(t, estest.For(t, domain.Decider).Given(issued).When(issue(settings())).Refused(domain.ErrIllegal), "", "active")
}

func TestSettingsThatAreNotValidAreRefusedWhereTheFaultIs(t *testing.T) {
	late := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*domain.Settings)
		want   *es.Refusal
		at     string
	}{
		"no name":                {func(s *domain.Settings) { s.Name = "" }, domain.ErrInvalid, "body.name"},
		"a long name":            {func(s *domain.Settings) { s.Name = strings.Repeat("é", 257) }, domain.ErrInvalid, "body.name"},
		"a name of blanks":       {func(s *domain.Settings) { s.Name = " " }, domain.ErrInvalid, "body.name"},
		"a name of lines":        {func(s *domain.Settings) { s.Name = "a\nb" }, domain.ErrInvalid, "body.name"},
		"a name that is no text": {func(s *domain.Settings) { s.Name = "\xff" }, domain.ErrInvalid, "body.name"},
		"an expiry now":          {func(s *domain.Settings) { s.ExpiresAt = &now }, domain.ErrExpiryInPast, "body.expires_at"},
		"an expiry too far":      {func(s *domain.Settings) { s.ExpiresAt = &late }, domain.ErrInvalid, "body.expires_at"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			c.change(&s)
			refusedAs(t, estest.For(t, domain.Decider).Given().When(issue(s)).Refused(c.want), c.at, "")
		})
	}
}

// TestStatesAndCommands is the whole life of a credential: what is not in the
// table as a success is an illegal transition.
func TestStatesAndCommands(t *testing.T) {
	given := map[domain.Status][]events.Data{
		domain.Active:    {issued},
		domain.Suspended: {issued, suspended},
		domain.Expired:   {dated(), expired},
		domain.Revoked:   {issued, revoked},
	}
	renamed := "staging"
	updated := credential.Updated{Concerns: concerns, Name: &events.Change[string]{Before: "production", After: renamed}}
	anew := rotated(2, 0, nil, 1)
	for name, c := range map[string]struct {
		command domain.Command
		from    map[domain.Status]events.Data
	}{
		"suspend": {domain.Suspend{Reason: "leak", Now: day}, map[domain.Status]events.Data{domain.Active: suspended}},
		"resume":  {domain.Resume{Now: day}, map[domain.Status]events.Data{domain.Suspended: resumed}},
		"revoke": {domain.Revoke{Reason: "gone"}, map[domain.Status]events.Data{
			domain.Active: revoked, domain.Suspended: revoked, domain.Expired: revoked,
		}},
		"rotate": {rotate(2, day, 0), map[domain.Status]events.Data{
			domain.Active: anew, domain.Suspended: anew,
		}},
		"update": {update(day, func(s *domain.Settings) { s.Name = renamed }), map[domain.Status]events.Data{
			domain.Active: updated, domain.Suspended: updated, domain.Expired: updated,
		}},
	} {
		for status, before := range given {
			t.Run(name+" when "+string(status), func(t *testing.T) {
				when := estest.For(t, domain.Decider).Given(before...).When(c.command)
				if want, legal := c.from[status]; legal {
					when.Then(want)
				} else {
					refusedAs(t, when.Refused(domain.ErrIllegal), "", string(status))
				}
			})
		}
		t.Run(name+" of nothing", func(t *testing.T) {
			estest.For(t, domain.Decider).Given().When(c.command).Refused(domain.ErrMissing)
		})
	}
}

func TestAnExpiryThatHasPassedCountsBeforeItIsRecorded(t *testing.T) {
	for name, command := range map[string]domain.Command{
		"suspend": domain.Suspend{Now: day},
		"rotate":  rotate(2, day, 0),
	} {
		t.Run(name, func(t *testing.T) {
			refusedAs(t, estest.For(t, domain.Decider).Given(dated()).When(command).Refused(domain.ErrIllegal), "", "expired")
		})
	}
	t.Run("resume", func(t *testing.T) {
		refusedAs(t, estest.For(t, domain.Decider).Given(dated(), suspended).When(domain.Resume{Now: day}).Refused(domain.ErrIllegal), "", "expired")
	})
}

// update is a command that changes settings.
func update(at time.Time, change func(*domain.Settings)) domain.Update {
	return domain.Update{Now: at, Change: func(s domain.Settings) (domain.Settings, error) {
		change(&s)
		return s, nil
	}}
}

func TestAnUpdateThatChangesNothingMakesNoEvent(t *testing.T) {
	estest.For(t, domain.Decider).Given(dated()).
		When(update(now, func(s *domain.Settings) {
			elsewhere := day.In(time.FixedZone("", 3600))
			s.ExpiresAt, s.Config = &elsewhere, json.RawMessage(`{}`)
		})).
		Then()
}

func TestWhatTheTypeRefusesIsNotUpdated(t *testing.T) {
	refusal := domain.ErrIdentifierImmutable.At("body.config.key")
	estest.For(t, domain.Decider).Given(issued).
		When(domain.Update{Now: now, Change: func(s domain.Settings) (domain.Settings, error) { return s, refusal }}).
		Refused(refusal)
}

func TestAnExpiryMayNotBeMovedIntoThePast(t *testing.T) {
	estest.For(t, domain.Decider).Given(issued).
		When(update(day, func(s *domain.Settings) { s.ExpiresAt = &hour })).
		Refused(domain.ErrExpiryInPast)
}

func TestAnExpiredCredentialLivesAgainWithALaterExpiry(t *testing.T) {
	later := day.AddDate(0, 0, 1)
	for name, c := range map[string]struct {
		given  []events.Data
		expiry *time.Time
		status domain.Status
	}{
		"a later one":                         {[]events.Data{dated(), expired}, &later, domain.Active},
		"never":                               {[]events.Data{dated(), expired}, nil, domain.Active},
		"suspended, when it was so before":    {[]events.Data{dated(), suspended, expired}, &later, domain.Suspended},
		"and not when it was renamed instead": {[]events.Data{dated(), expired}, &day, domain.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			renamed := "renamed"
			state := domain.Decider.Fold(domain.Decider.Initial, c.given...)
			decided, err := domain.Decider.Decide(state, update(day.Add(time.Minute), func(s *domain.Settings) {
				s.Name, s.ExpiresAt = renamed, c.expiry
			}))
			if err != nil {
				t.Fatal(err)
			}
			if got := domain.Decider.Fold(state, decided...).Status; got != c.status {
				t.Fatalf("it is %s, want %s", got, c.status)
			}
		})
	}
}

func TestRotation(t *testing.T) {
	twoHours := now.Add(2 * time.Hour)
	overlapping := []events.Data{issued, rotated(2, 1, &hour)}
	for name, c := range map[string]struct {
		given   []events.Data
		command domain.Rotate
		want    events.Data
		refused error
	}{
		"without an overlap kills the secret before": {
			[]events.Data{issued}, rotate(2, now, 0), rotated(2, 0, nil, 1), nil,
		},
		"with an overlap lets it live on": {
			[]events.Data{issued}, rotate(2, now, time.Hour), rotated(2, 1, &hour), nil,
		},
		"never lets it live past the expiry": {
			[]events.Data{dated()}, rotate(2, now, 48*time.Hour), rotated(2, 1, &day), nil,
		},
		"is refused while two secrets are accepted": {
			overlapping, rotate(3, now, time.Hour), nil, domain.ErrRotating,
		},
		"kills both when it has no overlap": {
			overlapping, rotate(3, now, 0), rotated(3, 0, nil, 1, 2), nil,
		},
		"buries a secret whose overlap is over and not recorded": {
			overlapping, rotate(3, hour, time.Hour), rotated(3, 2, &twoHours, 1), nil,
		},
		"forgets a secret that is retired": {
			append(overlapping, retired1), rotate(3, hour, 0), rotated(3, 0, nil, 2), nil,
		},
		"has no overlap before now": {
			[]events.Data{issued}, rotate(2, now, -1), nil, domain.ErrInvalid,
		},
		"has no overlap over 30 days": {
			[]events.Data{issued}, rotate(2, now, domain.MaxOverlap+1), nil, domain.ErrInvalid,
		},
		"makes the next version alone": {
			overlapping, rotate(2, now, 0), nil, domain.ErrMeanwhile,
		},
		"tells of a config that changes with the secret": {
			[]events.Data{issued}, withConfig(rotate(2, now, 0), `{"key":"k"}`),
			credential.Rotated{
				Concerns: concerns, SecretVersion: 2, RetiredVersions: []int{1},
				Config: &events.Change[json.RawMessage]{Before: json.RawMessage(`{}`), After: json.RawMessage(`{"key":"k"}`)},
			}, nil,
		},
		"is of a secret that was made for the placement that is there": {
			[]events.Data{issued, credential.Updated{Placement: &events.Change[domain.Placement]{After: domain.Placement{In: "cookie", Name: "k"}}}},
			rotate(2, now, 0), nil, domain.ErrMeanwhile,
		},
		"is of a secret that was made for the config that is there": {
			[]events.Data{issued, credential.Updated{Config: &events.Change[json.RawMessage]{After: json.RawMessage(`{"key":"k"}`)}}},
			rotate(2, now, 0), nil, domain.ErrMeanwhile,
		},
		"does not mind another name or expiry": {
			[]events.Data{issued, credential.Updated{Name: &events.Change[string]{After: "other"}}},
			rotate(2, now, 0), rotated(2, 0, nil, 1), nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			when := estest.For(t, domain.Decider).Given(c.given...).When(c.command)
			if c.refused != nil {
				when.Refused(c.refused)
			} else {
				when.Then(c.want)
			}
		})
	}
}

func withConfig(c domain.Rotate, config string) domain.Rotate {
	c.Config = json.RawMessage(config)
	return c
}

func TestAConfigThatARotationChangedIsTheConfig(t *testing.T) {
	state := domain.Decider.Fold(domain.Decider.Initial, issued, credential.Rotated{
		Concerns: concerns, SecretVersion: 2, Config: &events.Change[json.RawMessage]{After: json.RawMessage(`{"key":"k"}`)},
	})
	if string(state.Settings.Config) != `{"key":"k"}` || state.Settings.Name != "production" {
		t.Fatalf("the settings are %+v", state.Settings)
	}
}

func TestAChangeThatWasJudgedForOtherSecretsIsMadeAgain(t *testing.T) {
	renamed := func(s domain.Settings) (domain.Settings, error) {
		s.Name = "other"
		return s, nil
	}
	given := []events.Data{issued, rotated(2, 1, &hour)}
	estest.For(t, domain.Decider).Given(given...).When(domain.Update{Change: renamed, Judged: 2, Now: now}).Refused(domain.ErrMeanwhile)
	estest.For(t, domain.Decider).Given(given...).When(domain.Update{Change: renamed, Judged: 3, Now: now}).Then(credential.Updated{
		Concerns: concerns, Name: &events.Change[string]{Before: "production", After: "other"},
	})
}

func TestTimeBringsAbout(t *testing.T) {
	overlapping := []events.Data{dated(), rotated(2, 1, &hour)}
	for name, c := range map[string]struct {
		given []events.Data
		at    time.Time
		want  []events.Data
	}{
		"nothing before its hour":                        {overlapping, hour.Add(-1), nil},
		"the end of an overlap":                          {overlapping, hour, []events.Data{retired1}},
		"the end of an overlap once":                     {append(overlapping, retired1), hour, nil},
		"the expiry":                                     {[]events.Data{dated()}, day, []events.Data{expired}},
		"the expiry once":                                {[]events.Data{dated(), expired}, day, nil},
		"the expiry of a suspended one":                  {[]events.Data{dated(), suspended}, day, []events.Data{expired}},
		"both at once":                                   {overlapping, day, []events.Data{retired1, expired}},
		"the end of an overlap of an expired credential": {append(overlapping, expired), day, []events.Data{retired1}},
	} {
		t.Run(name, func(t *testing.T) {
			estest.For(t, domain.Decider).Given(c.given...).When(domain.Elapse{Now: c.at, Dated: now}).Then(c.want...)
		})
	}
	t.Run("nothing for a revoked one", func(t *testing.T) {
		estest.For(t, domain.Decider).Given(append(overlapping, revoked)...).When(domain.Elapse{Now: day}).Refused(domain.ErrIllegal)
	})
}

func TestNextDueIsTheNextMomentAtWhichElapseDecidesSomething(t *testing.T) {
	for name, c := range map[string]struct {
		given []events.Data
		want  *time.Time
	}{
		"never":                               {[]events.Data{issued}, nil},
		"at the expiry":                       {[]events.Data{dated()}, &day},
		"at the end of an overlap":            {[]events.Data{dated(), rotated(2, 1, &hour)}, &hour},
		"at the expiry after it":              {[]events.Data{dated(), rotated(2, 1, &hour), retired1}, &day},
		"not again when it expired":           {[]events.Data{dated(), expired}, nil},
		"not when it is revoked":              {[]events.Data{dated(), rotated(2, 1, &hour), revoked}, nil},
		"at the first notice":                 {[]events.Data{datedIn(31)}, new(now.AddDate(0, 0, 1))},
		"at the notice after it":              {[]events.Data{datedIn(31), noticed(31, 30)}, new(now.AddDate(0, 0, 24))},
		"at the last notice":                  {[]events.Data{datedIn(31), noticed(31, 7)}, new(now.AddDate(0, 0, 30))},
		"at the expiry after them":            {[]events.Data{datedIn(31), noticed(31, 1)}, new(now.AddDate(0, 0, 31))},
		"not at a moment before it was dated": {[]events.Data{datedIn(30)}, new(now.AddDate(0, 0, 23))},
		"when it was given a expiry":          {[]events.Data{issued, credential.Updated{ExpiresAt: &events.Change[*time.Time]{After: &hour}}}, &hour},
	} {
		t.Run(name, func(t *testing.T) {
			state := domain.Decider.Fold(domain.Decider.Initial, c.given...)
			due, ok := state.NextDue(now)
			if ok != (c.want != nil) || ok && !due.Equal(*c.want) {
				t.Fatalf("due %v %v, want %v", due, ok, c.want)
			}
			if !ok {
				return
			}
			if early, _ := domain.Decider.Decide(state, domain.Elapse{Now: due.Add(-1), Dated: now}); len(early) > 0 {
				t.Fatalf("something happens before: %v", early)
			}
			if then, _ := domain.Decider.Decide(state, domain.Elapse{Now: due, Dated: now}); len(then) == 0 {
				t.Fatal("nothing happens then")
			}
		})
	}
}

func TestOnlySoManyRetiredSecretsAreRemembered(t *testing.T) {
	given := []events.Data{issued}
	for version := 2; version <= 50; version++ {
		given = append(given, rotated(version, 0, nil, version-1))
	}
	state := domain.Decider.Fold(domain.Decider.Initial, given...)
	if len(state.Secrets) != domain.MaxRetired+1 || state.NextVersion() != 51 || state.Secrets[0].Version != 30 {
		t.Fatalf("%d secrets from version %d, next is %d", len(state.Secrets), state.Secrets[0].Version, state.NextVersion())
	}
}

func TestEffects(t *testing.T) {
	name := es.Claim{Scope: domain.NameScope, Value: "acme/production"}
	released := es.Claim{Scope: domain.NameScope, Value: "acme/production", Release: true}
	freed := func(key string) es.Claim { return es.Claim{Scope: domain.SecretScope, Holder: key, Release: true} }
	erased := func(key string) es.Material { return es.Material{Key: key, Erase: true} }
	overlapping := []events.Data{issued, rotated(2, 1, &hour)}
	for what, c := range map[string]struct {
		given []events.Data
		then  events.Data
		want  es.Effects
	}{
		"issuing claims the name": {nil, issued, es.Effects{Claims: []es.Claim{name}}},
		"renaming changes the claim": {
			[]events.Data{issued}, credential.Updated{Name: &events.Change[string]{After: "staging"}},
			es.Effects{Claims: []es.Claim{released, {Scope: domain.NameScope, Value: "acme/staging"}}},
		},
		"suspending changes nothing": {[]events.Data{issued}, suspended, es.Effects{}},
		"expiring changes nothing":   {[]events.Data{dated()}, expired, es.Effects{}},
		"rotating with an overlap erases nothing": {
			[]events.Data{issued}, rotated(2, 1, &hour), es.Effects{},
		},
		"rotating without one erases the secret before": {
			[]events.Data{issued}, rotated(2, 0, nil, 1),
			es.Effects{Claims: []es.Claim{freed("cred_1.1")}, Material: []es.Material{erased("cred_1.1")}},
		},
		"retiring erases the secret": {
			overlapping, retired1,
			es.Effects{Claims: []es.Claim{freed("cred_1.1")}, Material: []es.Material{erased("cred_1.1")}},
		},
		"revoking gives everything up": {
			overlapping, revoked,
			es.Effects{
				Claims: []es.Claim{
					released, {Scope: domain.IdentifierScope, Release: true}, freed("cred_1.1"), freed("cred_1.2"),
				},
				Material: []es.Material{erased("cred_1.1"), erased("cred_1.2")},
			},
		},
	} {
		t.Run(what, func(t *testing.T) {
			before := domain.Decider.Fold(domain.Decider.Initial, c.given...)
			after := domain.Decider.Evolve(before, c.then)
			if diff := cmp.Diff(c.want, domain.Effects(before, after)); diff != "" {
				t.Fatalf("effects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvolveLeavesTheStateBeforeAsItWas(t *testing.T) {
	before := domain.Decider.Fold(domain.Decider.Initial, issued, rotated(2, 1, &hour))
	for _, e := range []events.Data{retired1, rotated(3, 0, nil, 1, 2), revoked} {
		domain.Decider.Evolve(before, e)
	}
	if before.Secrets[0].Status != domain.Retiring || before.Secrets[1].Status != domain.Live || len(before.Secrets) != 2 {
		t.Fatalf("the state was changed: %+v", before.Secrets)
	}
}

func TestARefusalIsFoundByItsSentinel(t *testing.T) {
	if err := error(domain.ErrIllegal.In("revoked")); !errors.Is(err, domain.ErrIllegal) || errors.Is(err, domain.ErrRotating) {
		t.Fatal("a refusal is not itself")
	}
}
