package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/internal/sqlstore"
)

// loaded is a batch that uses everything that an append can do.
func loaded(schema es.Schema, lease *es.Lease) es.Batch {
	b := answering(batchOf(schema, "a", es.None, Named{Name: "Ann", Owner: "olga", Tags: []string{"x"}}, Priced{7}), lease)
	b.Claims = []es.Claim{{Scope: "name", Value: "Ann"}}
	b.Inbox = "policy/event/a"
	b.Material = []es.Material{{Key: "a.1", Sealed: []byte("sealed"), Kept: []byte("kept")}}
	return b
}

// hasNothing demands that no trace of the loaded batch is there.
func (s *store) hasNothing() {
	s.t.Helper()
	head := s.head()
	same(s.t, "head", es.Head{Epoch: head.Epoch}, head)
	same(s.t, "feed", 0, len(s.all()))
	_, err := s.Get(s.t.Context(), "things", "a")
	mustBe(s.t, err, es.ErrNotFound)
	same(s.t, "found", 0, len(s.keys(where(in("tag", "x")))))
	_, err = s.Holder(s.t.Context(), "name", "Ann")
	mustBe(s.t, err, es.ErrNotFound)
	same(s.t, "material", 0, len(must(s.Material(s.t.Context(), "a.1"))(s.t)))
	same(s.t, "published", 0, len(must(s.MaterialSince(s.t.Context(), 0, 9))(s.t)))
}

// hasAll demands that all of the loaded batch is there.
func (s *store) hasAll() {
	s.t.Helper()
	head := s.head()
	same(s.t, "head", es.Head{Epoch: head.Epoch, Position: 2, Material: 1}, head)
	same(s.t, "feed", 2, len(s.all()))
	same(s.t, "price", 7, s.thing("a").Price)
	same(s.t, "found", 1, len(s.keys(where(in("tag", "x")))))
	same(s.t, "holder", "thing-a", must(s.Holder(s.t.Context(), "name", "Ann"))(s.t))
	same(s.t, "material", 1, len(must(s.Material(s.t.Context(), "a.1"))(s.t)))
	same(s.t, "answer", &created, s.replayed("k"))
	b := batchOf(s.schema, "b", es.Any)
	b.Inbox = "policy/event/a"
	s.refused(es.ErrDuplicate, b)
}

func testFaults(t *testing.T, a Adapter) {
	// broken appends while f breaks it at a step, then checks and appends again.
	broken := func(t *testing.T, step sqlstore.Step, f func(w *world) error, check func(t *testing.T, err error)) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		batch := loaded(s.schema, s.begin("k"))
		reached := false
		s.Store.(Breakable).InjectFault(func(at sqlstore.Step) error {
			if at != step {
				return nil
			}
			reached = true
			return f(w)
		})
		_, err := s.Append(t.Context(), batch)
		if !reached {
			t.Fatalf("the append never came to the step; it answered %v", err)
		}
		check(t, err)
		s.Store.(Breakable).InjectFault(nil)
		if step == sqlstore.StepCommitted {
			other.hasAll()
			return
		}
		other.hasNothing()
		other.inFlight("k")
		batch.Events = loaded(s.schema, nil).Events
		s.append(batch)
		other.hasAll()
	}
	fails := errors.New("it fails")
	for _, step := range sqlstore.Steps {
		t.Run("an append that fails when "+string(step)+" leaves all or nothing", func(t *testing.T) {
			broken(t, step, func(*world) error { return fails }, func(t *testing.T, err error) { mustBe(t, err, fails) })
		})
		if a.Cut == nil {
			continue
		}
		t.Run("an append whose connection is cut when "+string(step)+" leaves all or nothing, and the store heals", func(t *testing.T) {
			broken(t, step,
				func(w *world) error { return a.Cut(context.WithoutCancel(t.Context()), w.address) },
				func(t *testing.T, err error) {
					if step == sqlstore.StepCommitted {
						noError(t, err)
					} else {
						mustBe(t, err, es.ErrUnavailable)
					}
				})
		})
	}
	t.Run("a caller who goes away leaves nothing half done", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		for _, step := range sqlstore.Steps[:3] {
			ctx, cancel := context.WithCancel(t.Context())
			s.Store.(Breakable).InjectFault(func(at sqlstore.Step) error {
				if at == step {
					cancel()
				}
				return nil
			})
			head := other.head()
			b := s.batch("a", es.Any, Named{Name: string(step)})
			if _, err := s.Append(ctx, b); err != nil {
				same(t, "head", head, other.head())
			} else {
				same(t, "name", string(step), other.thing("a").Name)
			}
			cancel()
		}
		s.Store.(Breakable).InjectFault(nil)
		s.put("b", Named{})
	})
	t.Run("a call with a context that has ended does nothing", func(t *testing.T) {
		s := one(t, a)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Append(ctx, s.batch("a", es.Any, Named{})); err == nil {
			t.Error("it appended")
		}
		same(t, "position", int64(0), s.head().Position)
	})
	t.Run("a slow append holds others up and refuses none", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		s.Store.(Breakable).InjectFault(func(at sqlstore.Step) error {
			if at == sqlstore.StepWritten {
				time.Sleep(300 * time.Millisecond)
			}
			return nil
		})
		for _, err := range atOnce(
			func() error { _, err := s.Append(t.Context(), s.batch("a", es.Any, Named{})); return err },
			func() error { _, err := other.Append(t.Context(), s.batch("b", es.Any, Named{})); return err },
			func() error { _, err := other.Append(t.Context(), s.batch("c", es.Any, Named{})); return err },
		) {
			noError(t, err)
		}
	})
}
