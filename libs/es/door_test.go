package es_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
)

// The tests' domain: doors that are opened and shut, each with a sign that no
// other open door may have.
type (
	Opened struct{ Sign string }
	Shut   struct{ Why string }
)

func (Opened) EventType() string { return "door.opened" }
func (Shut) EventType() string   { return "door.shut" }

type door struct {
	Open  bool
	Sign  string
	Times int
}

type (
	open struct{ Sign string }
	shut struct{ Why string }
)

var errOpen = es.Refuse(es.Illegal, "illegal_transition", "the door is open already")

var doors = es.Decider[door, any]{
	Category: "door",
	Decide: func(d door, command any) ([]events.Data, error) {
		switch c := command.(type) {
		case open:
			if d.Open {
				return nil, errOpen.In("open")
			}
			return []events.Data{Opened(c)}, nil
		case shut:
			if d.Open {
				return []events.Data{Shut(c)}, nil
			}
		}
		return nil, nil
	},
	Evolve: func(d door, e events.Data) door {
		switch e := e.(type) {
		case Opened:
			d.Open, d.Sign = true, e.Sign
			d.Times++
		case Shut:
			d.Open = false
		}
		return d
	},
}

// signs claims the sign of an open door and gives it up when it is shut.
func signs(before, after door) es.Effects {
	switch {
	case after.Open && !before.Open:
		return es.Effects{Claims: []es.Claim{{Scope: "sign", Value: after.Sign}}}
	case before.Open && !after.Open:
		return es.Effects{
			Claims:   []es.Claim{{Scope: "sign", Value: before.Sign, Release: true}},
			Material: []es.Material{{Key: before.Sign + ".1", Erase: true}},
		}
	}
	return es.Effects{}
}

var registry = events.MustRegistry(events.Set{events.Of[Opened](1), events.Of[Shut](1)})

// Sign is a document.
type Sign struct{ Text string }

func (s Sign) Index() es.Index {
	return es.Index{Text: s.Text, Terms: map[string][]string{"text": {s.Text}}}
}

func openStore(t *testing.T) es.Store {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "door.db"), es.Schema{
		Service: "door", Registry: registry,
		Views: []es.View{es.ViewOf("signs", 1, es.ByAggregate, func(s Sign, _ events.Envelope, data events.Data) Sign {
			if opened, ok := data.(Opened); ok {
				s.Text = opened.Sign
			}
			return s
		})},
		References: []es.Reference{es.ReferenceOf("key", "key", es.ByAggregate, func(s Sign, _ events.Envelope, data events.Data) (Sign, bool) {
			opened, live := data.(Opened)
			return Sign{opened.Sign}, live
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// rival is a store on which somebody else is faster: before each append it runs
// what is next in line.
type rival struct {
	es.Streams
	first   []func()
	appends int
}

func (r *rival) Append(ctx context.Context, b es.Batch) (es.Commit, error) {
	r.appends++
	if len(r.first) > 0 {
		f := r.first[0]
		r.first = r.first[1:]
		f()
	}
	return r.Streams.Append(ctx, b)
}
