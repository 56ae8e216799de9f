package storetest

import (
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

func testRebase(t *testing.T, a Adapter) {
	// history is what the bus has: ten events of three things.
	history := func(t *testing.T) []es.Record {
		s := one(t, a)
		s.put("a", Named{Name: "Ann"}, Priced{1}, Priced{2})
		s.put("b", Named{Name: "Bob"}, Priced{3})
		s.put("a", Priced{4}, Closed{})
		s.put("c", Named{Name: "Cid"}, Priced{5}, Closed{})
		return s.all()
	}
	rebase := func(s *store, epoch string, surplus []es.Record, erase ...string) es.Head {
		s.t.Helper()
		return must(s.Rebase(s.t.Context(), epoch, surplus, erase))(s.t)
	}
	t.Run("what follows on is taken verbatim", func(t *testing.T) {
		bus := history(t)
		for i := range bus { // as another release writes them
			bus[i].Body = append([]byte("{ "), bus[i].Body[1:]...)
		}
		s := one(t, a)
		same(t, "head", es.Head{Epoch: "e1", Position: 6}, rebase(s, "e1", bus[:6]))
		same(t, "status", "open", s.thing("a").Status)
		changed := s.Changed()
		same(t, "head", es.Head{Epoch: "e2", Position: 10}, rebase(s, "e2", bus[6:]))
		<-changed
		same(t, "records", bus, s.all())
		same(t, "status", "closed", s.thing("a").Status)
		same(t, "price", 5, s.thing("c").Price)
		same(t, "head", es.Head{Epoch: "e2", Position: 10}, s.head())
		s.append(s.batch("a", 5, Priced{6}))
		same(t, "position", int64(11), s.head().Position)
	})
	t.Run("after a fork what is only on the bus is encoded anew behind what is there", func(t *testing.T) {
		bus := history(t)
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		rebase(s, "e1", bus[:6])
		s.append(s.batch("a", 4, Priced{100})) // position 7, where the bus has a's end
		s.append(s.batch("d", es.None, Named{Name: "Dan"}))
		same(t, "head", es.Head{Epoch: "e2", Position: 12}, rebase(s, "e2", bus[6:]))
		records := s.all()
		same(t, "prefix", bus[:6], records[:6])
		for i, r := range records {
			e, err := events.Decode(r.Body)
			noError(t, err)
			same(t, "position", []int64{int64(i) + 1, int64(i) + 1}, []int64{r.Position, e.Position})
			if i >= 8 {
				same(t, "id", bus[i-2].ID, e.ID)
			}
		}
		loaded := must(s.Load(t.Context(), "thing-a", 0))(t)
		for i, e := range loaded {
			same(t, "version", int64(i)+1, e.Version)
		}
		same(t, "a", []any{"closed", 100}, []any{other.thing("a").Status, other.thing("a").Price})
		same(t, "c", "closed", other.thing("c").Status)
	})
	t.Run("a record that is there already is left, so that a bump may be repeated", func(t *testing.T) {
		bus := history(t)
		s := one(t, a)
		rebase(s, "e1", bus[:6])
		s.put("a", Priced{100})
		rebase(s, "e2", bus[6:])
		before := s.all()
		same(t, "head", es.Head{Epoch: "e3", Position: 11}, rebase(s, "e3", bus[6:]))
		same(t, "records", before, s.all())
	})
	t.Run("material is erased, known or not", func(t *testing.T) {
		s := one(t, a)
		b := s.batch("a", es.Any)
		b.Material = []es.Material{{Key: "a.1", Sealed: []byte("x")}, {Key: "a.2", Sealed: []byte("y")}, {Key: "a.3", Kept: []byte("z")}}
		s.append(b)
		same(t, "head", es.Head{Epoch: "e1", Material: 5}, rebase(s, "e1", nil, "a.1", "lost.1", "a.3"))
		same(t, "left", 1, len(must(s.Material(t.Context(), "a.1", "a.2", "a.3", "lost.1"))(t)))
		same(t, "published", 4, len(must(s.MaterialSince(t.Context(), 0, 9))(t)))
	})
	t.Run("a record that is no event leaves everything as it was", func(t *testing.T) {
		bus := history(t)
		s := one(t, a)
		before := s.head()
		_, err := s.Rebase(t.Context(), "e1", append(bus[:3:3], es.Record{Position: 4, Body: []byte("{}")}), nil)
		mustBe(t, err, events.ErrMalformed)
		same(t, "head", before, s.head())
		same(t, "events", 0, len(s.all()))
	})
}
