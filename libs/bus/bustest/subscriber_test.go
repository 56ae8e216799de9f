package bustest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
)

// known is what the credential service keeps of a consumer: every event that was
// folded, so that one lost, doubled or reordered shows.
type known struct {
	Events []string `json:"events"`
}

var consumers = es.ReferenceOf("consumer", "consumer", es.ByAggregate, func(k known, e events.Envelope, data events.Data) (known, bool) {
	k.Events = append(k.Events, e.ID)
	_, dead := data.(consumer.Deleted)
	return k, !dead
})

// subscriber is one replica of the credential service.
type subscriber struct {
	*bus.Subscriber
	store es.Store
}

func (s *service) subscribe(url string, reactors ...es.Reactor) subscriber {
	s.t.Helper()
	store := s.open(consumers)
	sub := bus.NewSubscriber(connect(s.t, url), bus.SubscriberConfig{
		Service: s.context, Store: store, Registry: registry, Sources: []string{"consumer"}, Reactors: reactors,
	})
	run(s.t, sub.Run)
	return subscriber{sub, store}
}

func (s subscriber) fact(t testing.TB, id string) (known, bool) {
	t.Helper()
	k, live, err := es.Known[known](context.Background(), s.store, "consumer", id)
	if err != nil && !errors.Is(err, es.ErrNotFound) {
		t.Fatal(err)
	}
	return k, live
}

func (s subscriber) at(name string) int64 {
	cursor, _ := s.store.Cursor(context.Background(), name, "consumer")
	return cursor.Position
}

func (s *service) delete(id string) {
	s.append(s.store, id, consumer.Deleted{Concerns: events.Concerns{ConsumerID: id}})
}

func (s *service) register(id string) {
	s.append(s.store, id, consumer.Registered{Concerns: events.Concerns{ConsumerID: id}, Name: id})
}

func TestTwoReplicasFoldAndReactOnce(t *testing.T) {
	server := bustest.Start(t)
	owner, reader := newService(t, "consumer"), newService(t, "credential")
	owner.relay(server.URL())
	effects := func(store es.Store) es.Reactor {
		return es.Reactor{Name: "revoke", From: []string{"consumer.deleted"}, React: func(_ context.Context, e events.Envelope, _ events.Data) error {
			_, err := tryInbox(store, e.Aggregate(), "revoke/"+e.ID+"/"+e.Aggregate())
			if errors.Is(err, es.ErrDuplicate) {
				return nil
			}
			return err
		}}
	}
	a := reader.subscribe(server.URL(), effects(reader.open(consumers)))
	b := reader.subscribe(server.URL(), effects(reader.open(consumers)))
	for i := range 150 {
		owner.register(fmt.Sprintf("c%d", i))
		if i == 60 {
			server.Restart()
		}
	}
	for i := range 150 {
		owner.delete(fmt.Sprintf("c%d", i))
	}
	eventually(t, "both cursors are at the end", func() bool { return a.at(es.FactsSubscriber) == 300 && b.at("revoke") == 300 })
	for i := range 150 {
		k, live := a.fact(t, fmt.Sprintf("c%d", i))
		if live || len(k.Events) != 2 || k.Events[0] == k.Events[1] {
			t.Fatalf("c%d: %d events folded, live %t", i, len(k.Events), live)
		}
	}
	if all := reader.all(); len(all) != 150 {
		t.Fatalf("%d effects of 150 events", len(all))
	}
}

func tryInbox(store es.Store, id, inbox string) (es.Commit, error) {
	data := credential.Revoked{Concerns: events.Concerns{CredentialID: id}}
	raw, schema, err := registry.Encode(data)
	if err != nil {
		return es.Commit{}, err
	}
	return store.Append(context.Background(), es.Batch{
		Stream: "credential-" + id, Expect: es.Any, Inbox: inbox,
		Events: []events.Envelope{{ID: events.NewID(time.Now()), Type: data.EventType(), Schema: schema, Data: raw}},
	})
}

func TestAFactIsDeadBeforeThePolicyThatListsItsTargetsRuns(t *testing.T) {
	server := bustest.Start(t)
	owner, reader := newService(t, "consumer"), newService(t, "credential")
	owner.relay(server.URL())
	store := reader.open(consumers)
	var alive, ran sync.Map
	reader.subscribe(server.URL(), es.Reactor{Name: "revoke", From: []string{"consumer.deleted"}, React: func(ctx context.Context, e events.Envelope, _ events.Data) error {
		_, live, err := es.Known[known](ctx, store, "consumer", e.Aggregate())
		if err != nil || live {
			alive.Store(e.Aggregate(), err)
		}
		ran.Store(e.Aggregate(), true)
		return nil
	}})
	for i := range 100 {
		id := fmt.Sprintf("c%d", i)
		owner.register(id)
		owner.delete(id)
	}
	eventually(t, "the policy saw the last", func() bool { _, ok := ran.Load("c99"); return ok })
	alive.Range(func(id, err any) bool { t.Errorf("%v was live: %v", id, err); return true })
}

func TestAMessageThatCannotBeHandledIsParkedAndBlocksNothing(t *testing.T) {
	server := bustest.Start(t)
	owner, reader := newService(t, "consumer"), newService(t, "credential")
	owner.relay(server.URL())
	var mu sync.Mutex
	broken, handled := map[string]bool{"c3": true, "c7": true}, []string{}
	sub := reader.subscribe(server.URL(), es.Reactor{Name: "notify", From: []string{"consumer.registered"}, React: func(_ context.Context, e events.Envelope, _ events.Data) error {
		mu.Lock()
		defer mu.Unlock()
		if broken[e.Aggregate()] {
			if e.Aggregate() == "c7" {
				panic("c7 is broken")
			}
			return errors.New("c3 is broken")
		}
		handled = append(handled, e.Aggregate())
		return nil
	}})
	for i := range 10 {
		owner.register(fmt.Sprintf("c%d", i))
	}
	eventually(t, "the cursor is at the end", func() bool { return sub.at("notify") == 10 })
	parked, err := sub.store.Parked(t.Context(), "notify")
	if err != nil || len(parked) != 2 || parked[0].Position != 4 || parked[0].Type != "consumer.registered" || parked[0].Error == "" {
		t.Fatalf("parked: %+v, %v", parked, err)
	}
	if len(handled) != 8 {
		t.Fatalf("handled %v", handled)
	}
	t.Run("a retry that fails leaves it parked", func(t *testing.T) {
		if err := sub.Retry(t.Context(), "notify", "consumer", 4); err == nil {
			t.Fatal("it was broken and was handled")
		}
		if parked, _ := sub.store.Parked(t.Context(), "notify"); len(parked) != 2 {
			t.Fatalf("%d parked", len(parked))
		}
	})
	t.Run("a retry that works takes it away", func(t *testing.T) {
		mu.Lock()
		broken = nil
		mu.Unlock()
		for _, position := range []int64{4, 8} {
			if err := sub.Retry(t.Context(), "notify", "consumer", position); err != nil {
				t.Fatal(err)
			}
		}
		if parked, _ := sub.store.Parked(t.Context(), ""); len(parked) != 0 || len(handled) != 10 {
			t.Fatalf("%d parked, handled %v", len(parked), handled)
		}
		if err := sub.Retry(t.Context(), "notify", "consumer", 4); !errors.Is(err, es.ErrNotFound) {
			t.Fatalf("what is not parked: %v", err)
		}
	})
}

// newer is an event of a release that this one does not know.
type newer struct {
	events.Concerns
}

func (newer) EventType() string { return "consumer.merged" }

func TestAnEventOfANewerReleaseIsParkedAndFoldedInOrderOnceItIsKnown(t *testing.T) {
	server := bustest.Start(t)
	owner, reader := newService(t, "consumer"), newService(t, "credential")
	owner.relay(server.URL())
	owner.register("c1")
	raw := []byte(`{"consumer_id":"c1"}`)
	_, err := owner.store.Append(t.Context(), es.Batch{Stream: "consumer-c1", Expect: es.Any, Events: []events.Envelope{
		{ID: events.NewID(time.Now()), Type: "consumer.merged", Schema: 1, Data: raw},
	}})
	if err != nil {
		t.Fatal(err)
	}
	owner.delete("c1")
	sub := reader.subscribe(server.URL())
	eventually(t, "the fold is at the end", func() bool { return sub.at(es.FactsSubscriber) == 3 })
	parked, err := sub.store.Parked(t.Context(), es.FactsSubscriber)
	if err != nil || len(parked) != 1 || parked[0].Position != 2 {
		t.Fatalf("parked %+v, %v", parked, err)
	}
	if k, live := sub.fact(t, "c1"); live || len(k.Events) != 2 {
		t.Fatalf("fact %+v, live %t", k, live)
	}
	if err := sub.Retry(t.Context(), es.FactsSubscriber, "consumer", 2); !errors.Is(err, events.ErrUnknownType) {
		t.Fatalf("this release still does not know it: %v", err)
	}

	next := bus.NewSubscriber(connect(t, server.URL()), bus.SubscriberConfig{
		Service: "credential", Store: reader.open(consumers), Sources: []string{"consumer"},
		Registry: events.MustRegistry(slices.Concat(consumer.Events, events.Set{events.Of[newer](1)})),
	})
	if err := next.Retry(t.Context(), es.FactsSubscriber, "consumer", 2); err != nil {
		t.Fatal(err)
	}
	run(t, next.Run)
	// Both releases run: whichever folds, the parked one comes again or is folded
	// in its place, and the deletion stays the last word.
	eventually(t, "the fold is at the end again", func() bool {
		k, live := sub.fact(t, "c1")
		return sub.at(es.FactsSubscriber) == 3 && len(k.Events) >= 2 && !live
	})
}

func TestWhatIsAMatterOfTimeIsWaitedFor(t *testing.T) {
	server := bustest.Start(t)
	owner, reader := newService(t, "consumer"), newService(t, "credential")
	owner.relay(server.URL())
	var mu sync.Mutex
	tries := 0
	sub := reader.subscribe(server.URL(), es.Reactor{Name: "notify", From: []string{"consumer.registered"}, React: func(context.Context, events.Envelope, events.Data) error {
		mu.Lock()
		defer mu.Unlock()
		if tries++; tries < 8 {
			return fmt.Errorf("append: %w", es.ErrUnavailable)
		}
		return nil
	}})
	owner.register("c1")
	eventually(t, "it was done in the end", func() bool { return sub.at("notify") == 1 })
	if parked, _ := sub.store.Parked(t.Context(), ""); len(parked) != 0 {
		t.Fatalf("parked: %+v", parked)
	}
}

func TestANewEpochIsReadFromTheStartAndTakesEffectOnce(t *testing.T) {
	server := bustest.Start(t)
	owner, reader := newService(t, "consumer"), newService(t, "credential")
	for i := range 20 {
		owner.register(fmt.Sprintf("c%d", i))
	}
	backup := owner.backup()
	for i := range 20 {
		owner.delete(fmt.Sprintf("c%d", i))
	}
	_, stop := owner.relay(server.URL())
	store := reader.open(consumers)
	sub := reader.subscribe(server.URL(), es.Reactor{Name: "revoke", From: []string{"consumer.deleted"}, React: func(_ context.Context, e events.Envelope, _ events.Data) error {
		if _, err := tryInbox(store, e.Aggregate(), "revoke/"+e.ID+"/"+e.Aggregate()); err != nil && !errors.Is(err, es.ErrDuplicate) {
			return err
		}
		return nil
	}})
	eventually(t, "all is read", func() bool { return sub.at("revoke") == 40 && sub.at(es.FactsSubscriber) == 40 })
	stop()
	owner.restore(backup)
	owner.register("new")
	owner.relay(server.URL())
	bump(t, server.URL(), owner, bus.BumpOptions{})
	epoch := owner.head().Epoch
	eventually(t, "all of the new epoch is read", func() bool {
		facts, _ := sub.store.Cursor(t.Context(), es.FactsSubscriber, "consumer")
		policy, _ := sub.store.Cursor(t.Context(), "revoke", "consumer")
		return facts == es.Cursor{Epoch: epoch, Position: 41} && policy == facts
	})
	for i := range 20 {
		if k, live := sub.fact(t, fmt.Sprintf("c%d", i)); live || len(k.Events) != 2 {
			t.Fatalf("c%d: %+v, live %t", i, k, live)
		}
	}
	if _, live := sub.fact(t, "new"); !live {
		t.Fatal("what was written after the restore is lost")
	}
	if all := reader.all(); len(all) != 20 {
		t.Fatalf("%d effects of 20 events", len(all))
	}
}

func TestCatchUp(t *testing.T) {
	server := bustest.Start(t)
	owner, reader := newService(t, "consumer"), newService(t, "credential")
	sub := reader.subscribe(server.URL())

	t.Run("an owner that cannot be asked is unreachable, soon", func(t *testing.T) {
		began := time.Now()
		if err := sub.CatchUp(t.Context(), "consumer"); !errors.Is(err, bus.ErrUnreachable) || time.Since(began) > bus.CatchUpTime {
			t.Fatalf("%v after %s", err, time.Since(began))
		}
	})
	conn := connect(t, server.URL())
	run(t, func(ctx context.Context) error { return conn.ServeHead(ctx, "consumer", owner.store) })
	eventually(t, "the owner answers", func() bool {
		_, missing := conn.Heads(t.Context(), "consumer")
		return len(missing) == 0
	})
	t.Run("events that do not come are not waited for longer than two seconds", func(t *testing.T) {
		owner.register("early")
		began := time.Now()
		if err := sub.CatchUp(t.Context(), "consumer"); !errors.Is(err, bus.ErrUnreachable) || time.Since(began) > 2*bus.CatchUpTime {
			t.Fatalf("%v after %s", err, time.Since(began))
		}
	})
	owner.relay(server.URL())
	t.Run("what was acknowledged before is known after it, each time", func(t *testing.T) {
		for i := range 100 {
			id := fmt.Sprintf("c%d", i)
			owner.register(id)
			if err := sub.CatchUp(t.Context(), "consumer"); err != nil {
				t.Fatal(err)
			}
			if _, live := sub.fact(t, id); !live {
				t.Fatalf("%s is not known", id)
			}
		}
	})
	t.Run("without NATS it answers at once", func(t *testing.T) {
		server.Kill()
		eventually(t, "the connection is known to be lost", func() bool { return !conn.Connected() })
		time.Sleep(100 * time.Millisecond)
		began := time.Now()
		if err := sub.CatchUp(t.Context(), "consumer"); !errors.Is(err, bus.ErrUnreachable) || time.Since(began) > time.Second {
			t.Fatalf("%v after %s", err, time.Since(began))
		}
	})
}
