package storetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Visited tells how often a thing was seen: what many tell of it, who each have
// a cursor of their own.
type Visited struct {
	Times int64
	Day   int
}

// EventType is "thing.visited".
func (Visited) EventType() string { return "thing.visited" }

// Visits is what is known of a thing's visits.
type Visits struct {
	Times int64
	Last  int
}

func day(d int) string { return fmt.Sprintf("%03d", d) }

// visitedSchema is the suite's with the visits of things.
func visitedSchema() es.Schema {
	s := Schema()
	visits := es.ReferenceOf("visits", "visit", es.ByAggregate, func(v Visits, _ events.Envelope, data events.Data) (Visits, bool) {
		visited, _ := data.(Visited)
		return Visits{v.Times + visited.Times, max(v.Last, visited.Day)}, true
	})
	visits.Rank = func(body json.RawMessage) string {
		var v Visits
		if json.Unmarshal(body, &v) != nil {
			return ""
		}
		return day(v.Last)
	}
	s.References = append(s.References, visits)
	return s
}

// visit tells, as somebody, of visits to things in one absorption.
func (s *store) visit(who, boot string, sequence int64, visits map[string]Visited) error {
	source := "visit/" + who
	from, err := s.Cursor(s.t.Context(), es.FactsSubscriber, source)
	if err != nil {
		return err
	}
	a := es.Absorption{Subscriber: es.FactsSubscriber, Source: source, From: from, To: es.Cursor{Epoch: boot, Position: sequence}}
	for id, v := range visits {
		a.Events = append(a.Events, es.Received{Data: v, Envelope: events.Envelope{
			Type: v.EventType(), Stream: "thing-" + id, Position: sequence, Time: time.Now(),
		}})
	}
	return s.Absorb(s.t.Context(), a)
}

func fact(op es.Op, not bool, values ...string) es.Term {
	return es.Term{Fact: "visits", Op: op, Not: not, Values: values}
}

func testRanks(t *testing.T, a Adapter) {
	t.Run("what many tell adds up, and each has a cursor", func(t *testing.T) {
		s := newWorld(t, a).open(visitedSchema())
		noError(t, s.visit("ann", "1", 1, map[string]Visited{"a": {2, 5}, "b": {1, 7}}))
		noError(t, s.visit("bob", "9", 1, map[string]Visited{"a": {3, 4}}))
		noError(t, s.visit("ann", "1", 2, map[string]Visited{"a": {1, 6}}))
		known, _, err := es.Known[Visits](t.Context(), s, "visits", "a")
		noError(t, err)
		same(t, "a", Visits{6, 6}, known)
		same(t, "ann's cursor", es.Cursor{Epoch: "1", Position: 2}, must(s.Cursor(t.Context(), es.FactsSubscriber, "visit/ann"))(t))
		same(t, "bob's cursor", es.Cursor{Epoch: "9", Position: 1}, must(s.Cursor(t.Context(), es.FactsSubscriber, "visit/bob"))(t))
		same(t, "the context's", es.Cursor{}, must(s.Cursor(t.Context(), es.FactsSubscriber, "visit"))(t))
	})
	t.Run("of two replicas that are told the same one must read again", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(visitedSchema()), w.open(visitedSchema())
		move := es.Absorption{Subscriber: es.FactsSubscriber, Source: "visit/ann", To: es.Cursor{Epoch: "1", Position: 1}, Events: []es.Received{
			{Data: Visited{1, 1}, Envelope: events.Envelope{Type: "thing.visited", Stream: "thing-a", Position: 1}},
		}}
		oneWins(t, atOnce(
			func() error { return s.Absorb(t.Context(), move) },
			func() error { return other.Absorb(t.Context(), move) },
		), es.ErrCursor)
		known, _, err := es.Known[Visits](t.Context(), other, "visits", "a")
		noError(t, err)
		same(t, "counted once", Visits{1, 1}, known)
	})
	t.Run("what many tell cannot begin again", func(t *testing.T) {
		s := newWorld(t, a).open(visitedSchema())
		noError(t, s.visit("ann", "1", 1, map[string]Visited{"a": {2, 5}}))
		err := s.Absorb(t.Context(), es.Absorption{
			Subscriber: es.FactsSubscriber, Source: "visit/ann", From: es.Cursor{Epoch: "1", Position: 1}, To: es.Cursor{Epoch: "2"}, Reset: true,
		})
		if err == nil {
			t.Error("it was forgotten for all")
		}
		same(t, "still known", true, must(s.Fact(t.Context(), "visits", "a"))(t).Live)
	})
	t.Run("documents are found and counted by the facts of their key", func(t *testing.T) {
		s := newWorld(t, a).open(visitedSchema())
		for i, id := range []string{"a", "b", "c", "d", "e", "f"} {
			s.put(id, Named{Owner: []string{"olga", "otto"}[i%2], Name: "thing " + id})
		}
		noError(t, s.visit("ann", "1", 1, map[string]Visited{"a": {1, 5}, "d": {1, 9}, "elsewhere": {1, 1}}))
		noError(t, s.visit("bob", "1", 1, map[string]Visited{"e": {1, 7}}))
		for _, c := range []struct {
			name string
			q    es.Query
			want []string
		}{
			{"visited", where(fact(es.AtLeast, false, "")), []string{"a", "d", "e"}},
			{"never visited", where(fact(es.AtLeast, true, "")), []string{"b", "c", "f"}},
			{"visited since", where(fact(es.AtLeast, false, day(7))), []string{"d", "e"}},
			{"not visited since", where(fact(es.AtLeast, true, day(7))), []string{"a", "b", "c", "f"}},
			{"visited last before", where(fact(es.Below, false, day(7))), []string{"a"}},
			{"visited last on", where(fact(es.In, false, day(5), day(9))), []string{"a", "d"}},
			{"with a term", where(in("owner", "olga"), fact(es.AtLeast, true, "")), []string{"c"}},
			{"with several terms", where(in("owner", "olga"), in("status", "open", "closed"), fact(es.AtLeast, false, "")), []string{"a", "e"}},
			{"with text", es.Query{View: "things", Text: "THING D", Where: []es.Term{fact(es.AtLeast, false, "")}}, []string{"d"}},
			{"a field turned round", where(es.Term{Field: "owner", Values: []string{"olga"}, Not: true}), []string{"b", "d", "f"}},
			{"a field that none has, turned round", where(es.Term{Field: "colour", Op: es.AtLeast, Values: []string{""}, Not: true}), []string{"a", "b", "c", "d", "e", "f"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				same(t, "found", c.want, s.keys(c.q))
				if c.q.Text == "" {
					counted := must(s.Tally(t.Context(), es.Tally{View: "things", Field: "status", Where: c.q.Where, Total: true}))(t)
					same(t, "counted", int64(len(c.want)), counted[""])
				}
				c.q.Limit = 1
				same(t, "found page by page", c.want, s.keys(c.q))
			})
		}
		_, err := s.Find(t.Context(), where(es.Term{Fact: "nothing"}))
		if err == nil {
			t.Error("a reference that is not there was asked for")
		}
	})
	t.Run("documents are counted by value", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{Owner: "olga", Tags: []string{"x", "y"}})
		s.put("b", Named{Owner: "otto", Tags: []string{"y"}})
		s.put("c", Named{Owner: "olga"})
		s.put("c", Closed{})
		count := func(tally es.Tally) map[string]int64 {
			tally.View = "things"
			return must(s.Tally(t.Context(), tally))(t)
		}
		same(t, "owners", map[string]int64{"olga": 2, "otto": 1}, count(es.Tally{Field: "owner"}))
		same(t, "of some", map[string]int64{"olga": 1, "otto": 1}, count(es.Tally{Field: "owner", Where: []es.Term{in("status", "open")}}))
		same(t, "from", map[string]int64{"otto": 1}, count(es.Tally{Field: "owner", From: "otto"}))
		same(t, "below", map[string]int64{"olga": 2}, count(es.Tally{Field: "owner", Below: "otto"}))
		same(t, "a range", map[string]int64{"olga": 2}, count(es.Tally{Field: "owner", From: "olga", Below: "otto"}))
		same(t, "all values", map[string]int64{"": 3}, count(es.Tally{Field: "owner", Total: true}))
		same(t, "a field of several values", map[string]int64{"x": 1, "y": 2}, count(es.Tally{Field: "tag"}))
		same(t, "nothing", map[string]int64{}, count(es.Tally{Field: "owner", Where: []es.Term{in("owner", "nobody")}}))
		same(t, "nothing in all", map[string]int64{}, count(es.Tally{Field: "colour", Total: true}))
	})
	t.Run("cursors of those that tell nothing more are forgotten, what they told is not", func(t *testing.T) {
		w := newWorld(t, a)
		s := w.open(visitedSchema())
		noError(t, s.visit("ann", "1", 1, map[string]Visited{"a": {2, 5}}))
		w.clock.forward(es.CursorTime + time.Hour)
		noError(t, s.visit("bob", "1", 1, map[string]Visited{"a": {1, 5}}))
		s = w.open(visitedSchema())
		same(t, "ann's", es.Cursor{}, must(s.Cursor(t.Context(), es.FactsSubscriber, "visit/ann"))(t))
		same(t, "bob's", es.Cursor{Epoch: "1", Position: 1}, must(s.Cursor(t.Context(), es.FactsSubscriber, "visit/bob"))(t))
		known, _, err := es.Known[Visits](t.Context(), s, "visits", "a")
		noError(t, err)
		same(t, "what they told", Visits{3, 5}, known)
	})
}
