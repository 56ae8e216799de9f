package storetest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// owner makes an event of the foreign context, without its position.
func owner(id string, data events.Data) es.Received {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err) // the suite's own payloads always marshal
	}
	return es.Received{
		Envelope: events.Envelope{ID: events.NewID(time.Now()), Type: data.EventType(), Schema: 1, Stream: "owner-" + id, Version: 1, Data: raw},
		Data:     data,
		Body:     raw,
	}
}

// absorption folds events that stand at a position of the foreign stream and
// after it, from a cursor just before.
func absorption(position int64, all ...es.Received) es.Absorption {
	a := es.Absorption{
		Subscriber: es.FactsSubscriber, Source: "owner",
		From: es.Cursor{Epoch: "e", Position: position - 1}, To: es.Cursor{Epoch: "e", Position: position - 1 + int64(len(all))},
		Events: all,
	}
	if position == 1 {
		a.From = es.Cursor{}
	}
	for i := range all {
		all[i].Envelope.Position = position + int64(i)
	}
	return a
}

func (s *store) absorb(position int64, all ...es.Received) {
	s.t.Helper()
	if err := s.Absorb(s.t.Context(), absorption(position, all...)); err != nil {
		s.t.Errorf("absorb: %v", err)
	}
}

func testForeign(t *testing.T, a Adapter) {
	t.Run("facts are folded and the cursor moves with them", func(t *testing.T) {
		s := one(t, a)
		same(t, "cursor at first", es.Cursor{}, must(s.Cursor(t.Context(), es.FactsSubscriber, "owner"))(t))
		_, err := s.Fact(t.Context(), "owner", "olga")
		mustBe(t, err, es.ErrNotFound)
		s.absorb(1, owner("olga", Joined{"Olga"}), owner("otto", Joined{"Otto"}), owner("olga", Joined{"Olga the Second"}))
		known, live, err := es.Known[Owner](t.Context(), s, "owner", "olga")
		noError(t, err)
		same(t, "fact", Owner{"Olga the Second"}, known)
		same(t, "live", true, live)
		same(t, "cursor", es.Cursor{Epoch: "e", Position: 3}, must(s.Cursor(t.Context(), es.FactsSubscriber, "owner"))(t))
		s.absorb(4, owner("olga", Left{}))
		facts := must(s.Facts(t.Context(), "owner", []string{"olga", "otto", "nobody"}))(t)
		same(t, "known facts", 2, len(facts))
		same(t, "the dead one is known with what it was", es.Fact{Kind: "owner", ID: "olga", Body: json.RawMessage(`{"Name":"Olga the Second"}`)}, facts["olga"])
	})
	t.Run("of two replicas that absorb the same one must read again", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		absorb := func(s *store) func() error {
			return func() error { return s.Absorb(t.Context(), absorption(1, owner("olga", Joined{"Olga"}))) }
		}
		oneWins(t, atOnce(absorb(s), absorb(other)), es.ErrCursor)
		mustBe(t, s.Absorb(t.Context(), absorption(3, owner("olga", Left{}))), es.ErrCursor)
		same(t, "live", true, must(s.Fact(t.Context(), "owner", "olga"))(t).Live)
	})
	t.Run("each subscriber has a cursor of its own", func(t *testing.T) {
		s := one(t, a)
		move := es.Absorption{Subscriber: "policy", Source: "owner", To: es.Cursor{Epoch: "e", Position: 9}, Events: []es.Received{owner("olga", Joined{"Olga"})}}
		noError(t, s.Absorb(t.Context(), move))
		same(t, "policy's", es.Cursor{Epoch: "e", Position: 9}, must(s.Cursor(t.Context(), "policy", "owner"))(t))
		same(t, "of another source", es.Cursor{}, must(s.Cursor(t.Context(), "policy", "other"))(t))
		same(t, "facts'", es.Cursor{}, must(s.Cursor(t.Context(), es.FactsSubscriber, "owner"))(t))
		_, err := s.Fact(t.Context(), "owner", "olga")
		mustBe(t, err, es.ErrNotFound)
	})
	t.Run("an event at or below the cursor is not folded again", func(t *testing.T) {
		s := one(t, a)
		s.absorb(1, owner("olga", Joined{"Olga"}), owner("olga", Left{}))
		late := owner("olga", Joined{"Olga"})
		late.Envelope.Position = 1
		noError(t, s.Absorb(t.Context(), es.Absorption{
			Subscriber: es.FactsSubscriber, Source: "owner",
			From: es.Cursor{Epoch: "e", Position: 2}, To: es.Cursor{Epoch: "e", Position: 3}, Events: []es.Received{late},
		}))
		same(t, "live", false, must(s.Fact(t.Context(), "owner", "olga"))(t).Live)
	})
	t.Run("a reset forgets the source's facts first", func(t *testing.T) {
		s := one(t, a)
		s.absorb(1, owner("olga", Joined{"Olga"}), owner("otto", Joined{"Otto"}))
		again := absorption(1, owner("otto", Left{}))
		again.Reset, again.From, again.To = true, es.Cursor{Epoch: "e", Position: 2}, es.Cursor{Epoch: "f", Position: 1}
		noError(t, s.Absorb(t.Context(), again))
		_, err := s.Fact(t.Context(), "owner", "olga")
		mustBe(t, err, es.ErrNotFound)
		fact := must(s.Fact(t.Context(), "owner", "otto"))(t)
		same(t, "otto is folded from nothing", es.Fact{Kind: "owner", ID: "otto", Body: json.RawMessage(`{"Name":""}`)}, fact)
		same(t, "cursor", es.Cursor{Epoch: "f", Position: 1}, must(s.Cursor(t.Context(), es.FactsSubscriber, "owner"))(t))
	})
	t.Run("what cannot be handled is parked, listed and taken away", func(t *testing.T) {
		s := one(t, a)
		bad := owner("olga", Joined{"Olga"})
		bad.Data, bad.Err = nil, errors.New("no such type")
		move := absorption(1, bad, owner("otto", Joined{"Otto"}))
		move.Park = []es.Parked{{Subscriber: es.FactsSubscriber, Source: "owner", Position: 1, EventID: bad.Envelope.ID, Type: "owner.joined", Error: "no such type", Body: bad.Body}}
		noError(t, s.Absorb(t.Context(), move))
		same(t, "what follows is folded", true, must(s.Fact(t.Context(), "owner", "otto"))(t).Live)
		parked := must(s.Parked(t.Context(), ""))(t)
		if len(parked) != 1 || parked[0].At.IsZero() {
			t.Fatalf("parked: %+v", parked)
		}
		parked[0].At = time.Time{}
		same(t, "parked", move.Park, parked)
		same(t, "of another subscriber", 0, len(must(s.Parked(t.Context(), "policy"))(t)))
		noError(t, s.Unpark(t.Context(), es.FactsSubscriber, "owner", 1))
		mustBe(t, s.Unpark(t.Context(), es.FactsSubscriber, "owner", 1), es.ErrNotFound)
		same(t, "left", 0, len(must(s.Parked(t.Context(), es.FactsSubscriber))(t)))
	})
	t.Run("an event that the fold fails on is parked and blocks nothing", func(t *testing.T) {
		schema := Schema()
		fold := schema.References[0].Step
		schema.References[0].Step = func(body json.RawMessage, e events.Envelope, data events.Data) (json.RawMessage, bool, error) {
			if joined, ok := data.(Joined); ok && joined.Name == "poison" {
				return nil, false, errors.New("poisoned")
			}
			return fold(body, e, data)
		}
		s := newWorld(t, a).open(schema)
		s.absorb(1, owner("olga", Joined{"poison"}), owner("otto", Joined{"Otto"}))
		parked := must(s.Parked(t.Context(), es.FactsSubscriber))(t)
		if len(parked) != 1 || parked[0].Position != 1 || parked[0].Error != "poisoned" || parked[0].Type != "owner.joined" {
			t.Errorf("parked: %+v", parked)
		}
		same(t, "otto", true, must(s.Fact(t.Context(), "owner", "otto"))(t).Live)
	})
}
