package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

func testStreams(t *testing.T, a Adapter) {
	t.Run("an unknown stream is empty", func(t *testing.T) {
		all, err := one(t, a).Load(t.Context(), "thing-none", 0)
		noError(t, err)
		same(t, "events", 0, len(all))
	})
	t.Run("what was appended is loaded as it was committed", func(t *testing.T) {
		s := one(t, a)
		b := s.batch("a", es.None, Named{Name: "Ann"}, Priced{7})
		b.Events[0].CorrelationID, b.Events[0].CausationID, b.Events[0].TraceParent = "request", "cause", "00-aa-bb-01"
		c := s.append(b)
		loaded, err := s.Load(t.Context(), "thing-a", 0)
		noError(t, err)
		same(t, "loaded events", c.Events, loaded)
		first := loaded[0]
		same(t, "place", []int64{1, 1}, []int64{first.Version, first.Position})
		same(t, "source", "/tidegate/default/thing", first.Source)
		same(t, "meta", []string{"ann", "request", "cause", "00-aa-bb-01"}, []string{first.Actor, first.CorrelationID, first.CausationID, first.TraceParent})
		same(t, "head", es.Head{Epoch: c.Head.Epoch, Position: 2}, s.head())
		same(t, "head of the commit", s.head(), c.Head)
		if c.Head.Epoch == "" {
			t.Error("a new database has no epoch")
		}
	})
	t.Run("events above a version are loaded alone", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{}, Priced{1}, Priced{2})
		s.put("b", Named{})
		loaded, err := s.Load(t.Context(), "thing-a", 2)
		noError(t, err)
		same(t, "events", 1, len(loaded))
		same(t, "version", int64(3), loaded[0].Version)
	})
	t.Run("an append at another version is a conflict", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{})
		s.refused(es.ErrConflict, s.batch("a", es.None, Named{}))
		s.refused(es.ErrConflict, s.batch("a", 2, Closed{}))
		s.refused(es.ErrConflict, s.batch("b", 1, Closed{}))
		s.append(s.batch("a", 1, Closed{}))
		s.append(s.batch("a", es.Any, Closed{}))
	})
	t.Run("a batch without events checks its version all the same", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{})
		s.refused(es.ErrConflict, s.batch("a", es.None))
		s.append(s.batch("a", 1))
		same(t, "position", int64(1), s.head().Position)
	})
	t.Run("one event is never stored twice", func(t *testing.T) {
		s := one(t, a)
		b := s.batch("a", es.Any, Named{})
		s.append(b)
		s.refused(es.ErrConflict, b)
	})
	t.Run("of two parallel appends at one version one wins", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		for range 20 {
			version := es.Expect(len(must(s.Load(t.Context(), "thing-a", 0))(t)))
			errs := atOnce(
				func() error { _, err := s.Append(t.Context(), s.batch("a", version, Priced{1})); return err },
				func() error { _, err := other.Append(t.Context(), s.batch("a", version, Priced{2})); return err },
			)
			oneWins(t, errs, es.ErrConflict)
		}
		same(t, "position", int64(20), s.head().Position)
	})
	t.Run("an event over the limit is refused", func(t *testing.T) {
		s := one(t, a)
		s.refused(es.ErrTooLarge, s.batch("a", es.Any, Named{Name: strings.Repeat("x", events.MaxSize+1)}))
		// The payload fits; with its envelope it does not.
		s.refused(es.ErrTooLarge, s.batch("a", es.Any, Named{Name: strings.Repeat("x", events.MaxSize-100)}))
		s.put("a", Named{Name: strings.Repeat("x", events.MaxSize-1000)})
	})
	t.Run("an event of another context is refused", func(t *testing.T) {
		s := one(t, a)
		b := s.batch("a", es.Any, Named{})
		b.Stream = "owner-a"
		before := s.head()
		if _, err := s.Append(t.Context(), b); err == nil {
			t.Error("it was stored")
		}
		same(t, "head", before, s.head())
	})
	t.Run("time never goes back", func(t *testing.T) {
		w := newWorld(t, a)
		s := w.open(Schema())
		first := s.put("a", Named{})
		w.clock.forward(-time.Hour)
		second := s.put("a", Priced{1})
		if second.Events[0].Time.Before(first.Events[0].Time) || second.Time.Before(first.Time) {
			t.Errorf("%s is before %s", second.Time, first.Time)
		}
		w.clock.forward(2 * time.Hour)
		third := s.put("a", Priced{2})
		if third.Time.Sub(first.Time) < 50*time.Minute {
			t.Errorf("the clock went on to %s, the event says %s", w.clock.now(), third.Time)
		}
	})
	t.Run("odd names are only names", func(t *testing.T) {
		s := one(t, a)
		for _, id := range []string{"it's", `"quoted"`, "a.b/c?d=e&f", "ünïcödé", "semi;colon", "per%cent_", "-dash-"} {
			s.append(s.batch(id, es.None, Named{Name: id, Owner: id, Tags: []string{id}}))
			same(t, "name", id, s.thing(id).Name)
			page, err := s.Find(t.Context(), es.Query{View: "things", Text: id, Where: []es.Term{{Field: "tag", Values: []string{id}}}})
			noError(t, err)
			same(t, "found "+id, 1, len(page.Docs))
		}
		for _, id := range []string{"nul\x00", "not utf-8 \xff"} {
			_, err := s.Get(t.Context(), "things", id)
			mustBe(t, err, es.ErrNotFound)
			page, err := s.Find(t.Context(), es.Query{View: "things", Text: id, Where: []es.Term{{Field: "tag", Values: []string{id, "x"}}}})
			noError(t, err)
			same(t, "found", 0, len(page.Docs))
		}
	})
}
