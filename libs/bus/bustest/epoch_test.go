package bustest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
)

// all answers the ids of every event in SQL.
func (s *service) all() map[string]events.Envelope {
	s.t.Helper()
	records, err := s.store.Since(context.Background(), 0, 1_000_000)
	if err != nil {
		s.t.Fatal(err)
	}
	found := map[string]events.Envelope{}
	for _, record := range records {
		e, err := events.Decode(record.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		found[e.ID] = e
	}
	if len(found) != len(records) {
		s.t.Fatalf("%d events, %d ids", len(records), len(found))
	}
	return found
}

func (s *service) hasAll(of ...map[string]events.Envelope) {
	s.t.Helper()
	have := s.all()
	for _, set := range of {
		for id := range set {
			if _, ok := have[id]; !ok {
				s.t.Fatalf("event %s is lost", id)
			}
		}
	}
}

func blocked(t *testing.T, relay *bus.Relay, by error) {
	t.Helper()
	eventually(t, "the relay is blocked by "+by.Error(), func() bool { return errors.Is(relay.Status().Blocked, by) })
}

func bump(t *testing.T, url string, s *service, opts bus.BumpOptions) bus.BumpResult {
	t.Helper()
	result, err := bus.BumpEpoch(t.Context(), connect(t, url), s.context, s.store, opts)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestAStreamAheadOfSQLIsLeftAloneUntilTheEpochIsBumped(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "consumer")
	s.commit(40)
	backup := s.backup()
	s.commit(25)
	_, stop := s.relay(server.URL())
	s.sameAsSQL(server.URL())
	stop()
	lost := s.all()
	old := s.head().Epoch
	sink := &fold{}
	follow(t, server.URL(), "consumer", sink)
	sink.isSQL(s)

	s.restore(backup)
	relay, stop := s.relay(server.URL())
	blocked(t, relay, bus.ErrAhead)
	if found, err := js(t, server.URL()).Stream(t.Context(), bus.Stream("consumer")); err != nil || found.CachedInfo().State.LastSeq != 65 {
		t.Fatalf("the stream was touched: %v, %v", found, err)
	}

	result := bump(t, server.URL(), s, bus.BumpOptions{})
	if len(result.Surplus) != 25 || s.head().Position != 65 || s.head().Epoch == old {
		t.Fatalf("%d imported, head %+v", len(result.Surplus), s.head())
	}
	s.hasAll(lost)
	s.sameAsSQL(server.URL())
	eventually(t, "the relay that ran meanwhile is well", func() bool { return relay.Status().Blocked == nil && relay.Status().Published == 65 })
	s.commit(10)
	s.sameAsSQL(server.URL())
	sink.isSQL(s)
	if sink.resets != 1 {
		t.Fatalf("readers were reset %d times", sink.resets)
	}
	stop()
}

func TestAForkIsLeftAloneUntilTheEpochIsBumped(t *testing.T) {
	for name, after := range map[string]int{"SQL is longer": 60, "SQL is as long": 25, "SQL is shorter": 5} {
		t.Run(name, func(t *testing.T) {
			server := bustest.Start(t)
			s := newService(t, "consumer")
			s.commit(40)
			changed := s.append(s.store, "shared", consumer.Registered{Concerns: events.Concerns{ConsumerID: "shared"}, Name: "before"})
			backup := s.backup()
			s.commit(24)
			s.append(s.store, "shared", consumer.Suspended{Concerns: events.Concerns{ConsumerID: "shared"}})
			_, stop := s.relay(server.URL())
			s.sameAsSQL(server.URL())
			stop()
			lost := s.all()

			server.Kill()
			s.restore(backup)
			s.append(s.store, "shared", consumer.Updated{Concerns: events.Concerns{ConsumerID: "shared"}, Name: &events.Change[string]{After: "after"}})
			s.commit(after - 1)
			written := s.all()
			relay, _ := s.relay(server.URL())
			server.Restart()
			if after < 25 {
				blocked(t, relay, bus.ErrAhead)
			} else {
				blocked(t, relay, bus.ErrForked)
			}

			bump(t, server.URL(), s, bus.BumpOptions{})
			s.hasAll(lost, written)
			s.sameAsSQL(server.URL())
			s.commit(3)
			s.sameAsSQL(server.URL())
			eventually(t, "the relay is well", func() bool { return relay.Status().Blocked == nil })
			stream, err := s.store.Load(t.Context(), changed.Stream, 0)
			if err != nil || len(stream) != 3 || stream[2].Type != "consumer.suspended" || stream[2].Version != 3 {
				t.Fatalf("the aggregate with two histories has %d events: %v", len(stream), err)
			}

			again := bump(t, server.URL(), s, bus.BumpOptions{})
			if len(again.Surplus) != 0 {
				t.Fatalf("a second bump imports %d events", len(again.Surplus))
			}
			s.sameAsSQL(server.URL())
		})
	}
}

func TestABackupFromBeforeABumpIsAForkToo(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "consumer")
	s.commit(10)
	backup := s.backup()
	_, stop := s.relay(server.URL())
	s.sameAsSQL(server.URL())
	bump(t, server.URL(), s, bus.BumpOptions{})
	s.sameAsSQL(server.URL())
	stop()

	s.restore(backup) // the same events, in the epoch that has ended
	relay, _ := s.relay(server.URL())
	blocked(t, relay, bus.ErrForked)
	bump(t, server.URL(), s, bus.BumpOptions{})
	s.sameAsSQL(server.URL())
	eventually(t, "the relay is well", func() bool { return relay.Status().Blocked == nil })
}

func TestABumpThatDiedBetweenSQLAndStreamIsFinishedByTheRelay(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "consumer")
	s.commit(20)
	_, stop := s.relay(server.URL())
	s.sameAsSQL(server.URL())
	stop()
	ctx, die := context.WithCancel(t.Context())
	store := &dying{Store: s.store, die: die}
	if _, err := bus.BumpEpoch(ctx, connect(t, server.URL()), "consumer", store, bus.BumpOptions{}); err == nil {
		t.Fatal("it did not die")
	}
	s.relay(server.URL())
	s.sameAsSQL(server.URL())
}

// dying ends its caller right after SQL has begun the epoch.
type dying struct {
	es.Store
	die func()
}

func (d *dying) Rebase(ctx context.Context, epoch string, surplus []es.Record, erase []string) (es.Head, error) {
	head, err := d.Store.Rebase(ctx, epoch, surplus, erase)
	d.die()
	return head, err
}

// restoredCredentials: a and b were issued before the backup; after it a was
// revoked, b's first secret was retired by a rotation, and c was issued.
func restoredCredentials(t *testing.T) (*bustest.Server, *service) {
	t.Helper()
	server := bustest.Start(t)
	s := newService(t, "credential")
	issue := func(id string) {
		s.append(s.store, id, credential.Issued{Concerns: events.Concerns{CredentialID: id}, Type: "api_key", SecretVersion: 1},
			es.Material{Key: id + ".1", Sealed: []byte("sealed " + id)})
	}
	issue("cred_a")
	issue("cred_b")
	backup := s.backup()
	s.append(s.store, "cred_a", credential.Revoked{Concerns: events.Concerns{CredentialID: "cred_a"}}, es.Material{Key: "cred_a.1", Erase: true})
	s.append(s.store, "cred_b", credential.Rotated{Concerns: events.Concerns{CredentialID: "cred_b"}, SecretVersion: 2, RetiredVersions: []int{1}},
		es.Material{Key: "cred_b.1", Erase: true}, es.Material{Key: "cred_b.2", Sealed: []byte("sealed b2")})
	issue("cred_c")
	relay, stop := s.relay(server.URL())
	s.sameAsSQL(server.URL())
	eventually(t, "material is relayed", func() bool { return relay.Status().Material == s.head().Material })
	stop()
	s.restore(backup)
	return server, s
}

func TestARestoreRevivesNoKeyAndLosesNone(t *testing.T) {
	server, s := restoredCredentials(t)
	result := bump(t, server.URL(), s, bus.BumpOptions{})
	if len(result.Surplus) != 3 || len(result.Erase) != 2 || result.Material != 2 {
		t.Fatalf("surplus %d, erased %v, material %d", len(result.Surplus), result.Erase, result.Material)
	}
	s.sameAsSQL(server.URL())
	want := map[string]string{"cred_a.1": "", "cred_b.1": "", "cred_b.2": "sealed b2", "cred_c.1": "sealed cred_c"}
	if got := materialOf(t, server.URL()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("material is %v, want %v", got, want)
	}
	kept, err := s.store.Material(t.Context(), "cred_a.1", "cred_b.1", "cred_b.2", "cred_c.1")
	if err != nil || len(kept) != 2 {
		t.Fatalf("SQL keeps %v, %v", kept, err)
	}
}

func TestDiscardingTheSurplusShowsWhatItUndoesAndAsks(t *testing.T) {
	server, s := restoredCredentials(t)
	head := s.head()
	for name, confirm := range map[string]func(bus.BumpPlan) bool{"unasked": nil, "refused": func(bus.BumpPlan) bool { return false }} {
		result, err := bus.BumpEpoch(t.Context(), connect(t, server.URL()), "credential", s.store, bus.BumpOptions{Discard: true, Confirm: confirm})
		if !errors.Is(err, bus.ErrUnconfirmed) || len(result.Undone) != 2 {
			t.Fatalf("%s: %v, %d undone", name, err, len(result.Undone))
		}
		if s.head() != head {
			t.Fatalf("%s: SQL was changed", name)
		}
	}
	var shown bus.BumpPlan
	bump(t, server.URL(), s, bus.BumpOptions{Discard: true, Confirm: func(plan bus.BumpPlan) bool { shown = plan; return true }})
	if len(shown.Surplus) != 3 || shown.Undone[0].Type != "credential.revoked" || shown.Undone[0].Subject != "cred_a" {
		t.Fatalf("shown: %+v", shown)
	}
	if s.head().Position != 2 || s.head().Epoch == head.Epoch {
		t.Fatalf("head is %+v", s.head())
	}
	s.sameAsSQL(server.URL())
	want := map[string]string{"cred_a.1": "sealed cred_a", "cred_b.1": "sealed cred_b"}
	if got := materialOf(t, server.URL()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("material is %v, want %v", got, want)
	}
}
