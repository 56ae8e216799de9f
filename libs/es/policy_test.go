package es_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

var alarm = events.Envelope{ID: "event-1", Type: "alarm.rung", Stream: "alarm-1", CorrelationID: "request"}

// shutAll shuts every door that its event names, and opens the one called exit.
func shutAll(ids ...string) es.Policy[any] {
	return es.Policy[any]{
		Name: "shut-on-alarm", From: []string{"alarm.rung"},
		React: func(context.Context, events.Envelope, events.Data, es.Reader) ([]es.Reaction[any], error) {
			var all []es.Reaction[any]
			for _, id := range ids {
				if id == "exit" {
					all = append(all, es.Reaction[any]{Target: id, Command: open{"exit"}})
					continue
				}
				all = append(all, es.Reaction[any]{Target: id, Command: shut{"alarm"}})
			}
			return all, nil
		},
	}
}

func versions(t *testing.T, store es.Store, ids ...string) (all []int) {
	t.Helper()
	for _, id := range ids {
		stored, err := store.Load(t.Context(), "door-"+id, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, len(stored))
	}
	return all
}

func TestAReactionTakesEffectOnceHoweverOftenItIsRun(t *testing.T) {
	store := openStore(t)
	h := es.NewHandler(store, registry, doors, nil)
	handle(t, h, "front", open{"a"})
	handle(t, h, "back", open{"b"})
	handle(t, h, "exit", open{"c"}) // to open it is refused
	reactor := es.Bind(shutAll("front", "back", "exit", "nowhere"), h, store)
	if reactor.Name != "shut-on-alarm" || len(reactor.From) != 1 {
		t.Errorf("reactor: %+v", reactor)
	}
	if err := reactor.React(t.Context(), alarm, nil); err != nil {
		t.Fatal(err)
	}
	handle(t, h, "front", open{"again"})
	handle(t, h, "exit", shut{})
	for range 2 {
		if err := reactor.React(t.Context(), alarm, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := versions(t, store, "front", "back", "exit", "nowhere"); got[0] != 3 || got[1] != 2 || got[2] != 2 || got[3] != 0 {
		t.Errorf("versions %v: a reaction came back", got)
	}
	second := alarm
	second.ID = "event-2"
	if err := reactor.React(t.Context(), second, nil); err != nil {
		t.Fatal(err)
	}
	if got := versions(t, store, "front"); got[0] != 4 {
		t.Errorf("version %d: another event must be reacted to", got[0])
	}
}

func TestAReactionNamesItsPolicyAndItsCause(t *testing.T) {
	store := openStore(t)
	h := es.NewHandler(store, registry, doors, nil)
	handle(t, h, "front", open{"a"})
	if err := es.Bind(shutAll("front"), h, store).React(t.Context(), alarm, nil); err != nil {
		t.Fatal(err)
	}
	stored, err := store.Load(t.Context(), "door-front", 1)
	if err != nil || len(stored) != 1 {
		t.Fatal(stored, err)
	}
	if e := stored[0]; e.Actor != "policy:shut-on-alarm" || e.CausationID != "event-1" || e.CorrelationID != "request" {
		t.Errorf("event: %+v", e)
	}
}

func TestAReactionStoppedHalfwayGoesOnWhereItWas(t *testing.T) {
	inner := openStore(t)
	h := es.NewHandler(inner, registry, doors, nil)
	handle(t, h, "front", open{"a"})
	handle(t, h, "back", open{"b"})
	store := &failing{Streams: inner, after: 1}
	reactor := es.Bind(shutAll("front", "back"), es.NewHandler(store, registry, doors, nil), inner)
	err := reactor.React(t.Context(), alarm, nil)
	if !errors.Is(err, es.ErrUnavailable) || !strings.Contains(err.Error(), "shut-on-alarm") || !strings.Contains(err.Error(), "back") {
		t.Errorf("error: %v", err)
	}
	store.after = 100
	if err := reactor.React(t.Context(), alarm, nil); err != nil {
		t.Fatal(err)
	}
	if got := versions(t, inner, "front", "back"); got[0] != 2 || got[1] != 2 {
		t.Errorf("versions: %v", got)
	}
}

// failing is a store that cannot be reached after some appends.
type failing struct {
	es.Streams
	after int
}

func (f *failing) Append(ctx context.Context, b es.Batch) (es.Commit, error) {
	if f.after == 0 {
		return es.Commit{}, es.ErrUnavailable
	}
	f.after--
	return f.Streams.Append(ctx, b)
}

func TestAPolicyThatFailsSaysWhichAndWhy(t *testing.T) {
	store := openStore(t)
	broken := errors.New("broken")
	p := es.Policy[any]{Name: "p", React: func(context.Context, events.Envelope, events.Data, es.Reader) ([]es.Reaction[any], error) {
		return nil, broken
	}}
	err := es.Bind(p, es.NewHandler(store, registry, doors, nil), store).React(t.Context(), alarm, nil)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "policy p, event event-1") {
		t.Errorf("error: %v", err)
	}
}
