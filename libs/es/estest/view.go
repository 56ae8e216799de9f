package estest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// View tests that a view is the fold of all events: random commands run through
// a real store, and each document then has the state that its stream folds to,
// its stream's version, and the times of its first and last event.
type View[S, C, D any] struct {
	Service string
	Events  events.Set
	View    es.View
	Decider es.Decider[S, C]
	Effects es.EffectsFunc[S]
	// Open opens a store that ends with the test.
	Open func(es.Schema) (es.Store, error)
	// Most is how many commands an aggregate is given at most.
	Most int
	// Draw answers a command for an aggregate, which may be new or final.
	Draw func(r *rapid.T, id string, state S) (C, []es.Option)
	// Read answers what every document tells of itself.
	Read func(D) Document[S]
	// Check, when set, demands what is this view's alone.
	Check func(r *rapid.T, store es.Store, id string, doc D)
}

// Document is what is the same in every view of aggregates.
type Document[S any] struct {
	State                S
	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// Run runs the test.
func (v View[S, C, D]) Run(t *testing.T) {
	t.Helper()
	registry := events.MustRegistry(v.Events)
	store, err := v.Open(es.Schema{Service: v.Service, Registry: registry, Views: []es.View{v.View}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	handler := es.NewHandler(store, registry, v.Decider, v.Effects)
	number := 0
	rapid.Check(t, func(r *rapid.T) {
		number++
		id := fmt.Sprintf("%s_%d", v.Decider.Category, number)
		if err := v.live(t.Context(), r, handler, id); err != nil {
			r.Fatal(err)
		}
		if err := v.check(t.Context(), r, store, handler, id); err != nil {
			r.Fatal(err)
		}
	})
}

// live gives an aggregate commands, of which some are refused.
func (v View[S, C, D]) live(ctx context.Context, r *rapid.T, handler *es.Handler[S, C], id string) error {
	for range rapid.IntRange(1, v.Most).Draw(r, "commands") {
		state, _, err := handler.State(ctx, id)
		if err != nil {
			return err
		}
		command, opts := v.Draw(r, id, state)
		if _, err := handler.Handle(ctx, id, command, opts...); err != nil && !errors.As(err, new(*es.Refusal)) {
			return err
		}
	}
	return nil
}

func (v View[S, C, D]) check(ctx context.Context, r *rapid.T, store es.Store, handler *es.Handler[S, C], id string) error {
	folded, version, err := handler.State(ctx, id)
	if err != nil {
		return err
	}
	found, err := es.Get[D](ctx, store, v.View.Name, id)
	if errors.Is(err, es.ErrNotFound) && version == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	doc := v.Read(found)
	if diff := cmp.Diff(folded, doc.State, cmp.Exporter(exported), cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("the fold and the view differ (-fold +view):\n%s", diff)
	}
	stored, err := store.Load(ctx, v.Decider.Stream(id), 0)
	if err != nil {
		return err
	}
	first, last := stored[0], stored[len(stored)-1]
	if doc.Version != version || !doc.CreatedAt.Equal(first.Time) || !doc.UpdatedAt.Equal(last.Time) {
		return fmt.Errorf("version %d, %s, %s of events from %s to %s", doc.Version, doc.CreatedAt, doc.UpdatedAt, first.Time, last.Time)
	}
	if v.Check != nil {
		v.Check(r, store, id, found)
	}
	return nil
}
