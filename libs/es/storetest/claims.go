package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tidegate-io/tidegate/libs/es"
)

func testClaims(t *testing.T, a Adapter) {
	claim := func(values ...string) (all []es.Claim) {
		for _, v := range values {
			all = append(all, es.Claim{Scope: "name", Value: v})
		}
		return all
	}
	release := func(value string) es.Claim { return es.Claim{Scope: "name", Value: value, Release: true} }
	with := func(b es.Batch, claims ...es.Claim) es.Batch { b.Claims = claims; return b }

	t.Run("a value has one holder", func(t *testing.T) {
		s := one(t, a)
		s.append(with(s.batch("a", es.None, Named{}), claim("x", "y")...))
		refused := with(s.batch("b", es.None, Named{}), claim("z", "y")...)
		s.refused(es.ErrTaken, refused)
		var taken *es.TakenError
		if _, err := s.Append(t.Context(), refused); !errors.As(err, &taken) || taken.Scope != "name" {
			t.Errorf("the error does not name the scope: %v", err)
		}
		_, err := s.Holder(t.Context(), "name", "z")
		mustBe(t, err, es.ErrNotFound)
		same(t, "holder", "thing-a", must(s.Holder(t.Context(), "name", "y"))(t))
	})
	t.Run("another scope is another value", func(t *testing.T) {
		s := one(t, a)
		s.append(with(s.batch("a", es.None), claim("x")...))
		s.append(with(s.batch("b", es.None), es.Claim{Scope: "key", Value: "x"}))
	})
	t.Run("claiming again for the same holder changes nothing", func(t *testing.T) {
		s := one(t, a)
		s.append(with(s.batch("a", es.None), claim("x", "x")...))
		s.append(with(s.batch("a", es.None), claim("x")...))
		s.append(with(s.batch("b", es.None), es.Claim{Scope: "name", Value: "x", Holder: "thing-a"}))
		same(t, "holder", "thing-a", must(s.Holder(t.Context(), "name", "x"))(t))
	})
	t.Run("only the holder can give a value up", func(t *testing.T) {
		s := one(t, a)
		s.append(with(s.batch("a", es.None), claim("x")...))
		s.append(with(s.batch("b", es.None), release("x")))
		s.refused(es.ErrTaken, with(s.batch("b", es.None), claim("x")...))
		s.append(with(s.batch("a", es.None), release("x")))
		s.append(with(s.batch("b", es.None), claim("x")...))
		same(t, "holder", "thing-b", must(s.Holder(t.Context(), "name", "x"))(t))
	})
	t.Run("a name is exchanged for another in one batch", func(t *testing.T) {
		s := one(t, a)
		s.append(with(s.batch("a", es.None), claim("x")...))
		s.append(with(s.batch("a", es.None), append([]es.Claim{release("x")}, claim("y")...)...))
		s.append(with(s.batch("b", es.None), claim("x")...))
		s.append(with(s.batch("b", es.None), append([]es.Claim{release("x")}, claim("x")...)...))
		same(t, "holder", "thing-b", must(s.Holder(t.Context(), "name", "x"))(t))
	})
	t.Run("a holder gives up all that it has in a scope", func(t *testing.T) {
		s := one(t, a)
		s.append(with(s.batch("a", es.None), append(claim("x", "y"), es.Claim{Scope: "key", Value: "k"})...))
		s.append(with(s.batch("b", es.None), claim("z")...))
		s.append(with(s.batch("a", es.None), append(append(claim("y"), release("")), claim("y", "new")...)...))
		_, err := s.Holder(t.Context(), "name", "x")
		mustBe(t, err, es.ErrNotFound)
		same(t, "claimed again after it", "thing-a", must(s.Holder(t.Context(), "name", "y"))(t))
		same(t, "another scope", "thing-a", must(s.Holder(t.Context(), "key", "k"))(t))
		same(t, "another holder", "thing-b", must(s.Holder(t.Context(), "name", "z"))(t))
		same(t, "claimed after it", "thing-a", must(s.Holder(t.Context(), "name", "new"))(t))
	})
	t.Run("of two parallel claims exactly one wins, fifty times", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		for round := range 50 {
			value := fmt.Sprintf("value-%d", round)
			bid := func(s *store, id string) func() error {
				b := with(s.batch(fmt.Sprintf("%s-%d", id, round), es.None, Named{Name: value}), claim(value)...)
				return func() error { _, err := s.Append(t.Context(), b); return err }
			}
			oneWins(t, atOnce(bid(s, "a"), bid(other, "b")), es.ErrTaken)
		}
		same(t, "position", int64(50), s.head().Position)
	})
}

func testRequirements(t *testing.T, a Adapter) {
	requiring := func(s *store, id, owner string) es.Batch {
		b := s.batch(id, es.None, Named{Owner: owner})
		b.Require = []es.Ref{{Kind: "owner", ID: owner}}
		return b
	}
	t.Run("an unknown fact refuses", func(t *testing.T) {
		s := one(t, a)
		b := requiring(s, "a", "olga")
		s.refused(es.ErrReference, b)
		var refused *es.ReferenceError
		if _, err := s.Append(t.Context(), b); !errors.As(err, &refused) || refused.Ref != b.Require[0] {
			t.Errorf("the error does not say which fact: %v", err)
		}
	})
	t.Run("a live fact is enough and a dead one refuses", func(t *testing.T) {
		s := one(t, a)
		s.absorb(1, owner("olga", Joined{"Olga"}))
		s.append(requiring(s, "a", "olga"))
		s.absorb(2, owner("olga", Left{}))
		s.refused(es.ErrReference, requiring(s, "b", "olga"))
	})
	t.Run("nothing slips between a fact that dies and the list of those who refer to it", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		s.absorb(1, owner("olga", Joined{"Olga"}))
		appends := make([]func() error, 0, 21)
		for i := range 20 {
			b := requiring(s, fmt.Sprintf("t%d", i), "olga")
			appends = append(appends, func() error { _, err := other.Append(t.Context(), b); return err })
		}
		listed := map[string]bool{}
		kill := func() error {
			s.absorb(2, owner("olga", Left{}))
			page, err := s.Find(t.Context(), es.Query{View: "things", Where: []es.Term{{Field: "owner", Values: []string{"olga"}}}})
			for _, d := range page.Docs {
				listed[d.Key] = true
			}
			return err
		}
		errs := atOnce(append(appends, kill)...)
		for i, err := range errs[:20] {
			if err != nil {
				mustBe(t, err, es.ErrReference)
			} else if id := fmt.Sprintf("t%d", i); !listed[id] {
				t.Errorf("%s was created and not listed", id)
			}
		}
		noError(t, errs[20])
	})
}

func testInbox(t *testing.T, a Adapter) {
	t.Run("a reaction is handled once, also by two replicas at once", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		react := func(s *store) func() error {
			b := s.batch("a", es.Any, Named{})
			b.Inbox = "policy/event/a"
			return func() error { _, err := s.Append(t.Context(), b); return err }
		}
		oneWins(t, atOnce(react(s), react(other)), es.ErrDuplicate)
		mustBe(t, react(s)(), es.ErrDuplicate)
		same(t, "position", int64(1), s.head().Position)
	})
	t.Run("a reaction without events is kept too", func(t *testing.T) {
		s := one(t, a)
		b := s.batch("a", es.None)
		b.Inbox = "policy/event/a"
		s.append(b)
		s.refused(es.ErrDuplicate, b)
	})
	t.Run("a refused reaction may come again", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{})
		b := s.batch("a", es.None, Closed{})
		b.Inbox = "policy/event/a"
		s.refused(es.ErrConflict, b)
		b.Expect = 1
		s.append(b)
	})
	t.Run("a duplicate is told so even when the version has moved on", func(t *testing.T) {
		s := one(t, a)
		b := s.batch("a", es.None, Named{})
		b.Inbox = "policy/event/a"
		s.append(b)
		b.Events = s.batch("a", es.None, Named{}).Events
		s.refused(es.ErrDuplicate, b)
	})
}
