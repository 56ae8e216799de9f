package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

func testProperties(t *testing.T, a Adapter) {
	t.Run("folding all events gives every live view, and every query finds what a plain search finds", func(t *testing.T) {
		w := newWorld(t, a)
		replicas := []*store{w.open(Schema()), w.open(Schema()), w.open(Later())}
		rapid.Check(t, func(rt *rapid.T) {
			for range rapid.IntRange(1, 8).Draw(rt, "appends") {
				s := rapid.SampledFrom(replicas).Draw(rt, "replica")
				id := rapid.StringMatching(`[a-f]`).Draw(rt, "thing")
				payloads := rapid.SliceOfN(payload(), 1, 4).Draw(rt, "events")
				if _, err := s.Append(t.Context(), s.batch(id, es.Any, payloads...)); err != nil {
					rt.Fatal(err)
				}
			}
			s := rapid.SampledFrom(replicas).Draw(rt, "reader")
			folded := foldAll(rt, s)
			compareView(rt, s, "things", folded["things"])
			compareView(rt, s, "holdings", folded["holdings"])
			q := query().Draw(rt, "query")
			want := plainSearch(rt, folded["things"], q)
			if got := s.keys(q); !slices.Equal(got, want) {
				rt.Fatalf("%+v finds %v, a plain search %v", q, got, want)
			}
		})
	})
}

func payload() *rapid.Generator[events.Data] {
	word := rapid.SampledFrom([]string{"", "x", "y", "X y", "é"})
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) events.Data {
			return Named{word.Draw(t, "name"), word.Draw(t, "owner"), rapid.SliceOfN(word, 0, 3).Draw(t, "tags")}
		}),
		rapid.Custom(func(t *rapid.T) events.Data { return Priced{rapid.IntRange(0, 5).Draw(t, "price")} }),
		rapid.Just[events.Data](Closed{}),
	)
}

func query() *rapid.Generator[es.Query] {
	term := rapid.Custom(func(t *rapid.T) es.Term {
		field := rapid.SampledFrom([]string{"status", "owner", "tag", "price"}).Draw(t, "field")
		values := map[string][]string{
			"status": {"open", "closed"}, "owner": {"", "x", "y"}, "tag": {"", "x", "é"}, "price": {price(0), price(2), price(4)},
		}[field]
		return es.Term{
			Field:  field,
			Op:     rapid.SampledFrom([]es.Op{es.In, es.In, es.Below, es.AtLeast}).Draw(t, "op"),
			Values: rapid.SliceOfN(rapid.SampledFrom(values), 1, 2).Draw(t, "values"),
		}
	})
	return rapid.Custom(func(t *rapid.T) es.Query {
		return es.Query{
			View: "things", Where: rapid.SliceOfN(term, 0, 3).Draw(t, "where"),
			Text: rapid.SampledFrom([]string{"", "", "X", "É"}).Draw(t, "text"), Limit: rapid.IntRange(1, 5).Draw(t, "limit"),
		}
	})
}

// folded is a view made in memory.
type folded struct {
	keys  []string // in the order of creation
	docs  map[string]es.Doc
	index map[string]es.Index
}

// foldAll folds every event of the feed into every view of the reader's
// release.
func foldAll(t *rapid.T, s *store) map[string]*folded {
	views := map[string]*folded{}
	for _, v := range s.schema.Views {
		views[v.Name] = &folded{docs: map[string]es.Doc{}, index: map[string]es.Index{}}
	}
	for _, r := range s.all() {
		e, err := events.Decode(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		data, err := s.schema.Registry.Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range s.schema.Views {
			f, key := views[v.Name], v.Key(e, data)
			if key == "" {
				continue
			}
			doc, there := f.docs[key]
			body, index, err := v.Step(doc.Body, e, data)
			if err != nil {
				t.Fatal(err)
			}
			if !there {
				f.keys = append(f.keys, key)
			}
			f.docs[key], f.index[key] = es.Doc{Key: key, Version: e.Version, Body: body}, index
		}
	}
	return views
}

func compareView(t *rapid.T, s *store, view string, f *folded) {
	if got := s.keys(es.Query{View: view}); !slices.Equal(got, f.keys) {
		t.Fatalf("%s holds %v, folding gives %v", view, got, f.keys)
	}
	for key, want := range f.docs {
		got, err := s.Get(s.t.Context(), view, key)
		if err != nil {
			t.Fatal(err)
		}
		if got.Version != want.Version || string(got.Body) != string(want.Body) {
			t.Fatalf("%s %q is %d %s, folding gives %d %s", view, key, got.Version, got.Body, want.Version, want.Body)
		}
	}
}

// plainSearch answers the keys that a query must find.
func plainSearch(t *rapid.T, f *folded, q es.Query) []string {
	found := []string{}
	for _, key := range f.keys {
		index := f.index[key]
		holds := strings.Contains(strings.ToLower(index.Text), strings.ToLower(q.Text))
		for _, term := range q.Where {
			holds = holds && slices.ContainsFunc(index.Terms[term.Field], func(value string) bool {
				switch term.Op {
				case es.In:
					return slices.Contains(term.Values, value)
				case es.Below:
					return value < term.Values[0]
				case es.AtLeast:
					return value >= term.Values[0]
				}
				panic(fmt.Sprint("no such comparison: ", term.Op))
			})
		}
		if holds {
			found = append(found, key)
		}
	}
	return found
}
