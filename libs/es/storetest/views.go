package storetest

import (
	"fmt"
	"testing"

	"github.com/tidegate-io/tidegate/libs/es"
)

func testViews(t *testing.T, a Adapter) {
	t.Run("a document is there when the append is answered, on every replica", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		c := s.put("a", Named{Name: "Ann", Owner: "olga", Tags: []string{"x"}}, Priced{7})
		want := Thing{ID: "a", Name: "Ann", Owner: "olga", Tags: []string{"x"}, Status: "open", Price: 7, Changes: 2, Since: c.Time}
		same(t, "here", want, s.thing("a"))
		same(t, "there", want, other.thing("a"))
		doc := must(s.Get(t.Context(), "things", "a"))(t)
		same(t, "key and version", es.Doc{Key: "a", Version: 2, Body: doc.Body}, doc)
	})
	t.Run("reading follows writing on alternating replicas", func(t *testing.T) {
		w := newWorld(t, a)
		replicas := []*store{w.open(Schema()), w.open(Schema())}
		for i := range 30 {
			replicas[i%2].put("a", Priced{i})
			same(t, "price", i, replicas[(i+i/2)%2].thing("a").Price)
		}
	})
	t.Run("a document may be folded from several streams", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{Owner: "olga"}, Named{Owner: "otto"})
		s.put("b", Named{Owner: "olga"}, Closed{})
		holding := must(es.Get[Holding](t.Context(), s, "holdings", "olga"))(t)
		same(t, "named for olga", Holding{2}, holding)
	})
	t.Run("what is unknown is not found", func(t *testing.T) {
		s := one(t, a)
		_, err := s.Get(t.Context(), "things", "none")
		mustBe(t, err, es.ErrNotFound)
		if _, err := s.Get(t.Context(), "nonsense", "a"); err == nil {
			t.Error("a view that the service does not have is answered")
		}
		if _, err := s.Fact(t.Context(), "nonsense", "a"); err == nil {
			t.Error("a kind that the service does not refer to is answered")
		}
	})
	t.Run("documents outlive a restart", func(t *testing.T) {
		w := newWorld(t, a)
		s := w.open(Schema())
		s.put("a", Named{Name: "Ann"})
		noError(t, s.Close())
		_, err := s.Get(t.Context(), "things", "a")
		mustBe(t, err, es.ErrUnavailable)
		again := w.open(Schema())
		same(t, "name", "Ann", again.thing("a").Name)
		again.append(again.batch("a", 1, Closed{}))
	})
}

// keys answers the keys of all pages of a query.
func (s *store) keys(q es.Query) []string {
	s.t.Helper()
	keys := []string{}
	for {
		page, err := s.Find(s.t.Context(), q)
		noError(s.t, err)
		for _, d := range page.Docs {
			keys = append(keys, d.Key)
		}
		if page.Next == "" {
			return keys
		}
		q.After = page.Next
	}
}

func in(field string, values ...string) es.Term { return es.Term{Field: field, Values: values} }

func where(terms ...es.Term) es.Query { return es.Query{View: "things", Where: terms} }

func testFinding(t *testing.T, a Adapter) {
	s := one(t, a)
	s.put("a", Named{Name: "Alpha One", Owner: "olga", Tags: []string{"x", "y"}}, Priced{5})
	s.put("b", Named{Name: "beta two", Owner: "otto", Tags: []string{"y"}}, Priced{10})
	s.put("c", Named{Name: "GAMMA ÄÖ one", Owner: "olga"}, Priced{15}, Closed{})
	s.put("d", Named{Name: "100%_sure", Owner: "otto", Tags: []string{"x", "x"}})
	for _, c := range []struct {
		name string
		q    es.Query
		want []string
	}{
		{"everything comes in the order of creation", where(), []string{"a", "b", "c", "d"}},
		{"one value", where(in("owner", "olga")), []string{"a", "c"}},
		{"several values", where(in("owner", "otto", "olga")), []string{"a", "b", "c", "d"}},
		{"no value", where(es.Term{Field: "owner"}), []string{}},
		{"a field with several values", where(in("tag", "y", "x")), []string{"a", "b", "d"}},
		{"all terms must hold", where(in("owner", "olga"), in("status", "open")), []string{"a"}},
		{"terms that no document has", where(in("owner", "olga"), in("status", "gone")), []string{}},
		{"an unknown field", where(in("colour", "red")), []string{}},
		{"below", where(es.Term{Field: "price", Op: es.Below, Values: []string{price(10)}}), []string{"a", "d"}},
		{"at least", where(es.Term{Field: "price", Op: es.AtLeast, Values: []string{price(10)}}), []string{"b", "c"}},
		{"a range", where(
			es.Term{Field: "price", Op: es.AtLeast, Values: []string{price(5)}},
			es.Term{Field: "price", Op: es.Below, Values: []string{price(15)}}), []string{"a", "b"}},
		{"text, whatever its case", es.Query{View: "things", Text: "ONE"}, []string{"a", "c"}},
		{"text beyond ASCII", es.Query{View: "things", Text: "äö"}, []string{"c"}},
		{"text is not a pattern", es.Query{View: "things", Text: "%_"}, []string{"d"}},
		{"text and terms", es.Query{View: "things", Text: "one", Where: []es.Term{in("status", "closed")}}, []string{"c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			same(t, "found", c.want, s.keys(c.q))
			c.q.Limit = 1
			same(t, "found page by page", c.want, s.keys(c.q))
		})
	}
	t.Run("terms follow the document", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{Owner: "olga", Tags: []string{"x", "y"}})
		s.put("a", Named{Owner: "otto", Tags: []string{"y", "z"}})
		for term, want := range map[string]int{"x": 0, "y": 1, "z": 1} {
			same(t, "tag "+term, want, len(s.keys(where(in("tag", term)))))
		}
		same(t, "former owner", 0, len(s.keys(where(in("owner", "olga")))))
	})
	t.Run("pages have bounds, and a cursor that was not given out is refused", func(t *testing.T) {
		s := one(t, a)
		for i := range 210 {
			s.put(fmt.Sprintf("t%03d", i), Named{})
		}
		for limit, want := range map[int]int{0: 50, 7: 7, 200: 200, 1000: 200, -1: 50} {
			page := must(s.Find(t.Context(), es.Query{View: "things", Limit: limit}))(t)
			same(t, fmt.Sprintf("limit %d", limit), want, len(page.Docs))
		}
		for _, cursor := range []string{"!", "-1", "0", "zzzzzzzzzzzzzzzzzzzz", "a b"} {
			_, err := s.Find(t.Context(), es.Query{View: "things", After: cursor})
			mustBe(t, err, es.ErrBadCursor)
		}
	})
	t.Run("a document made while pages are turned is on a later page", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{})
		s.put("b", Named{})
		page := must(s.Find(t.Context(), es.Query{View: "things", Limit: 1}))(t)
		s.put("a", Closed{})
		s.put("c", Named{})
		same(t, "next", []string{"b", "c"}, s.keys(es.Query{View: "things", Limit: 1, After: page.Next}))
	})
	t.Run("many documents of one term are walked, few are gathered", func(t *testing.T) {
		s := one(t, a)
		for start := range 11 {
			var claims []es.Batch
			for i := range 100 {
				claims = append(claims, s.batch(fmt.Sprintf("t%05d", start*100+i), es.None, Named{Owner: "olga", Tags: []string{fmt.Sprint(i)}}))
			}
			for _, b := range claims {
				s.append(b)
			}
		}
		same(t, "walked", 1100, len(s.keys(es.Query{View: "things", Where: []es.Term{in("owner", "olga"), in("status", "open")}, Limit: 200})))
		same(t, "walked without a single value", 1100, len(s.keys(es.Query{View: "things", Where: []es.Term{in("owner", "olga", "otto")}, Limit: 200})))
		same(t, "gathered", 11, len(s.keys(where(in("owner", "olga"), in("tag", "42")))))
	})
}
