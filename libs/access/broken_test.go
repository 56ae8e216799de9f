package access_test

import (
	"slices"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/access"
)

func TestAnEventThatCannotBeReadDeniesItsSubjectUntilItIs(t *testing.T) {
	cases := map[string]struct {
		fact   fact
		code   access.Code
		stream string
	}{
		"consumer":     {fact{"acme", consumer.Updated{}}, access.CredentialInvalid, "consumer-acme"},
		"credential":   {fact{"cred_1", credential.Updated{}}, access.CredentialInvalid, "credential-cred_1"},
		"service":      {fact{"petstore", catalog.Updated{}}, access.ProjectionStale, "service-petstore"},
		"subscription": {fact{"sub_1", subscription.RenewalRejected{}}, access.NotSubscribed, "subscription-sub_1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			all := log(admitted(c.fact, c.fact)...)
			poison, later := all[6], all[7]
			interleavings(append(all[:6:6], poison.unreadable(), later), func(order []event) {
				s := fold(order)
				if got := call(s); got.Code != c.code {
					t.Fatalf("got %q, want %q", got.Code, c.code)
				}
				if got := s.Broken(); !slices.Equal(got, []string{c.stream}) {
					t.Fatalf("broken: %v", got)
				}
				s.Apply(poison.Envelope, poison.data)
				if got := call(s); got.Code != c.code {
					t.Fatalf("healed before all that was met is applied: %q", got.Code)
				}
				s.Apply(later.Envelope, later.data)
				if got := call(s); !got.Allowed() || s.Broken() != nil {
					t.Fatalf("not healed: %q, %v", got.Code, s.Broken())
				}
				if s.Hash() != fold(all).Hash() {
					t.Fatal("not as if nothing had been")
				}
			})
		})
	}
}

func TestTheFirstEventMayBeTheOneThatCannotBeRead(t *testing.T) {
	all := log(admitted()...)
	for i := range all {
		s := access.New()
		for j, e := range all {
			if j == i {
				e = e.unreadable()
			}
			s.Apply(e.Envelope, e.data)
		}
		if d := call(s); d.Allowed() {
			t.Fatalf("allowed without %s", all[i].Type)
		}
		for _, e := range all { // the history again, from the start
			s.Apply(e.Envelope, e.data)
		}
		if d := call(s); !d.Allowed() || s.Hash() != fold(all).Hash() {
			t.Fatalf("not healed of %s: %q", all[i].Type, d.Code)
		}
	}
}

func TestAMissedEventDeniesLikeOneThatCannotBeRead(t *testing.T) {
	all := log(admitted(fact{"cred_1", credential.Suspended{}}, fact{"cred_1", credential.Resumed{}})...)
	s := fold(slices.Concat(all[:6], all[7:]))
	if d := call(s); d.Code != access.CredentialInvalid {
		t.Fatalf("got %q", d.Code)
	}
	s.Apply(all[6].Envelope, all[6].data)
	s.Apply(all[7].Envelope, all[7].data)
	if d := call(s); !d.Allowed() {
		t.Fatalf("got %q", d.Code)
	}
}

func TestWhatAnUnreadableEventCouldHaveRevokedStaysDead(t *testing.T) {
	all := log(admitted(fact{"cred_1", credential.Revoked{}}, fact{"cred_1", credential.Resumed{}})...)
	s := fold(append(all[:6:6], all[6].unreadable(), all[7]))
	if d := call(s); d.Code != access.CredentialInvalid {
		t.Fatalf("got %q", d.Code)
	}
	for _, e := range all {
		s.Apply(e.Envelope, e.data)
	}
	if d := call(s); d.Code != access.CredentialInvalid || s.Broken() != nil {
		t.Fatalf("got %q", d.Code)
	}
}

func TestApplyingAgainChangesNothing(t *testing.T) {
	all := log(admitted(fact{"cred_1", credential.Revoked{}}, fact{"sub_1", subscription.Cancelled{}}, fact{"acme", consumer.Deleted{}})...)
	s := fold(all)
	hash := s.Hash()
	for range 2 {
		for _, e := range all {
			s.Apply(e.Envelope, e.data)
			if d := call(s); d.Allowed() || s.Hash() != hash {
				t.Fatalf("%s came to life again", e.Type)
			}
		}
		slices.Reverse(all)
	}
}

func TestAnEventWithoutReadableSubjectMakesAllUnready(t *testing.T) {
	for name, e := range map[string]events.Envelope{
		"no stream":               {Version: 1},
		"no aggregate":            {Stream: "consumer", Version: 1},
		"an empty aggregate":      {Stream: "consumer-", Version: 1},
		"no version":              {Stream: "consumer-acme"},
		"a context not known":     {Stream: "tariff-1", Version: 1},
		"a version beyond counts": {Stream: "consumer-acme", Version: 1 << 40},
	} {
		s := fold(log(admitted()...))
		hash := s.Hash()
		if s.Unreadable() {
			t.Fatal("unreadable before")
		}
		s.Apply(e, nil)
		if !s.Unreadable() || s.Hash() == hash {
			t.Errorf("%s: ready", name)
		}
	}
	s := access.New()
	s.Apply(events.Envelope{Stream: "tariff-1", Version: 1, Type: "tariff.drafted"}, tariff{})
	if s.Unreadable() {
		t.Error("an event of another context that was read is none of the rule's business")
	}
}

type tariff struct{}

func (tariff) EventType() string { return "tariff.drafted" }
