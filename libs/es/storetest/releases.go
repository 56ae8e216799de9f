package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

func testReleases(t *testing.T, a Adapter) {
	t.Run("a new version of a view is built from every event before it is read", func(t *testing.T) {
		w := newWorld(t, a)
		old := w.open(Schema())
		for i := range 700 { // more than are folded at once
			old.put(fmt.Sprintf("t%03d", i%350), Named{Name: fmt.Sprint(i), Tags: []string{fmt.Sprint(i % 7)}})
		}
		page := must(old.Find(t.Context(), es.Query{View: "things", Limit: 100}))(t)
		next := w.open(Later())
		same(t, "new", "The 500", next.thing("t150").Name)
		same(t, "old", "500", old.thing("t150").Name)
		query := es.Query{View: "things", Limit: 200, After: page.Next}
		same(t, "a cursor holds through the rebuild", old.keys(query), next.keys(query))
		same(t, "terms", old.keys(where(in("tag", "3"))), next.keys(where(in("tag", "3"))))
	})
	t.Run("two releases side by side read each other's writes and their own", func(t *testing.T) {
		w := newWorld(t, a)
		old, next := w.open(Schema()), w.open(Later())
		for i := range 20 {
			writer := []*store{old, next}[i%2]
			name := fmt.Sprint("name ", i)
			b := writer.batch("a", es.Expect(i), Named{Name: name, Owner: "olga"})
			b.Answer = nil
			writer.append(b)
			same(t, "old", name, old.thing("a").Name)
			same(t, "new", "The "+name, next.thing("a").Name)
		}
		same(t, "a view that both have", Holding{20}, must(es.Get[Holding](t.Context(), old, "holdings", "olga"))(t))
		same(t, "found by both", old.keys(where(in("owner", "olga"))), next.keys(where(in("owner", "olga"))))
	})
	t.Run("a release that was away finds its view behind and catches it up in its first append", func(t *testing.T) {
		w := newWorld(t, a)
		old, next := w.open(Schema()), w.open(Later())
		for i := range 10 {
			next.put("a", Named{Name: fmt.Sprint(i)})
		}
		c := old.put("b", Named{Name: "mine"})
		same(t, "position", int64(11), c.Head.Position)
		same(t, "mine", "mine", old.thing("b").Name)
		same(t, "theirs", "9", old.thing("a").Name)
		for i := range 600 { // too many to be caught up within an append
			next.put(fmt.Sprint("t", i%9), Named{Name: fmt.Sprint(i)})
		}
		old.put("b", Closed{})
		same(t, "mine", "closed", old.thing("b").Status)
		same(t, "theirs", "599", old.thing("t5").Name)
		same(t, "count", 11, len(old.keys(where())))
	})
	t.Run("an event that the older release cannot read is left out there, and found again by a newer one", func(t *testing.T) {
		w := newWorld(t, a)
		old, next := w.open(Schema()), w.open(Later())
		next.put("a", Named{Name: "Ann"}, Archived{}, Priced{3})
		same(t, "old", []any{"open", 3}, []any{old.thing("a").Status, old.thing("a").Price})
		same(t, "new", []any{"archived", 3}, []any{next.thing("a").Status, next.thing("a").Price})
		old.put("b", Named{})
		// The release after keeps the older version of the view and knows the event.
		mixed := Schema()
		mixed.Registry = Later().Registry
		knowing := w.open(mixed)
		same(t, "rebuilt", []any{"archived", 3}, []any{knowing.thing("a").Status, knowing.thing("a").Price})
		same(t, "rebuilt for the old one too", "archived", old.thing("a").Status)
	})
	t.Run("tables that nobody used for a week are dropped, and made anew for a release that comes back", func(t *testing.T) {
		w := newWorld(t, a)
		old := w.open(Schema())
		old.put("a", Named{Name: "Ann"})
		old.absorb(1, owner("olga", Joined{"Olga"}))
		next := w.open(Later())
		w.clock.forward(8 * 24 * time.Hour)
		next.put("a", Priced{3})
		w.open(Later())
		same(t, "old", []any{"Ann", 3}, []any{old.thing("a").Name, old.thing("a").Price})
		w.clock.forward(8 * 24 * time.Hour)
		next.put("b", Named{})
		w.open(Later())
		old.put("a", Priced{4})
		same(t, "found", []string{"a"}, old.keys(where(in("price", price(4)))))
		same(t, "new", 4, next.thing("a").Price)
	})
	t.Run("a release that folds more of a source reads it from the start, beside the older one", func(t *testing.T) {
		w := newWorld(t, a)
		old := w.open(Schema())
		old.absorb(1, owner("olga", Joined{"Olga"}))
		schema := Schema()
		schema.References = append(schema.References, es.ReferenceOf("guest", "owner", es.ByAggregate, foldOwner))
		next := w.open(schema)
		same(t, "cursor of the new", es.Cursor{}, must(next.Cursor(t.Context(), es.FactsSubscriber, "owner"))(t))
		_, err := next.Fact(t.Context(), "owner", "olga")
		mustBe(t, err, es.ErrNotFound)
		next.absorb(1, owner("olga", Joined{"Olga"}), owner("olga", Left{}))
		same(t, "new", false, must(next.Fact(t.Context(), "guest", "olga"))(t).Live)
		same(t, "old", true, must(old.Fact(t.Context(), "owner", "olga"))(t).Live)
		old.absorb(2, owner("olga", Left{}))
		same(t, "old", false, must(old.Fact(t.Context(), "owner", "olga"))(t).Live)
	})
	t.Run("five replicas may start at once on an empty database", func(t *testing.T) {
		w := newWorld(t, a)
		var starts []func() error
		for range 5 {
			starts = append(starts, func() error {
				s, err := a.Open(t.Context(), w.address, Schema(), w.clock.now)
				if err != nil {
					return err
				}
				defer func() { _ = s.Close() }()
				_, err = s.Append(t.Context(), batchOf(Schema(), "a", es.Any, events.Data(Priced{1})))
				return err
			})
		}
		for _, err := range atOnce(starts...) {
			noError(t, err)
		}
		s := w.open(Schema())
		same(t, "position", int64(5), s.head().Position)
		same(t, "changes", 5, s.thing("a").Changes)
	})
}
