package storetest

import (
	"testing"

	"github.com/tidegate-io/tidegate/libs/es"
)

func testMaterial(t *testing.T, a Adapter) {
	change := func(s *store, all ...es.Material) es.Commit {
		b := s.batch("a", es.Any)
		b.Material = all
		return s.append(b)
	}
	sealed := func(key, text string) es.Material {
		return es.Material{Key: key, Sealed: []byte(text), Kept: []byte("kept " + text), Hint: "hint " + text}
	}
	since := func(s *store, position int64) []es.MaterialRecord {
		records := must(s.MaterialSince(t.Context(), position, 100))(t)
		for i := range records {
			if len(records[i].Sealed) == 0 {
				records[i].Sealed = nil
			}
		}
		return records
	}
	t.Run("what is put is read, and published in order", func(t *testing.T) {
		s := one(t, a)
		same(t, "head", int64(2), change(s, sealed("a.1", "x"), sealed("a.2", "y")).Head.Material)
		same(t, "read", map[string]es.Material{"a.1": sealed("a.1", "x")}, must(s.Material(t.Context(), "a.1", "none"))(t))
		same(t, "published", []es.MaterialRecord{record(1, "a.1", "x"), record(2, "a.2", "y")}, since(s, 0))
		same(t, "above 1", []es.MaterialRecord{record(2, "a.2", "y")}, since(s, 1))
		same(t, "at most one", 1, len(must(s.MaterialSince(t.Context(), 0, 1))(t)))
		same(t, "events", int64(0), s.head().Position)
	})
	t.Run("the newest of a key wins and leaves a gap", func(t *testing.T) {
		s := one(t, a)
		change(s, sealed("a.1", "x"), sealed("a.2", "y"))
		same(t, "head", int64(3), change(s, sealed("a.1", "z")).Head.Material)
		same(t, "published", []es.MaterialRecord{record(2, "a.2", "y"), record(3, "a.1", "z")}, since(s, 0))
		same(t, "head", int64(5), change(s, sealed("a.1", "1"), sealed("a.1", "2")).Head.Material)
		same(t, "published", []es.MaterialRecord{record(2, "a.2", "y"), record(5, "a.1", "2")}, since(s, 0))
	})
	t.Run("an erasure takes every byte and is published once", func(t *testing.T) {
		s := one(t, a)
		change(s, sealed("a.1", "x"))
		erase := es.Material{Key: "a.1", Erase: true}
		same(t, "head", int64(2), change(s, erase).Head.Material)
		same(t, "published", []es.MaterialRecord{record(2, "a.1", "")}, since(s, 0))
		same(t, "read", 0, len(must(s.Material(t.Context(), "a.1"))(t)))
		same(t, "head after erasing again", int64(2), change(s, erase).Head.Material)
	})
	t.Run("the erasure of an unknown key is published", func(t *testing.T) {
		s := one(t, a)
		change(s, es.Material{Key: "a.9", Erase: true})
		same(t, "published", []es.MaterialRecord{record(1, "a.9", "")}, since(s, 0))
	})
	t.Run("what is only kept is never published", func(t *testing.T) {
		s := one(t, a)
		kept := es.Material{Key: "a.1", Kept: []byte("kept"), Hint: "hint"}
		same(t, "head", int64(0), change(s, kept).Head.Material)
		read := must(s.Material(t.Context(), "a.1"))(t)["a.1"]
		same(t, "kept", "kept", string(read.Kept))
		same(t, "published", 0, len(since(s, 0)))
		same(t, "head after the erasure", int64(0), change(s, es.Material{Key: "a.1", Erase: true}).Head.Material)
		same(t, "read", 0, len(must(s.Material(t.Context(), "a.1"))(t)))
	})
	t.Run("what was published and is only kept from now on is taken back", func(t *testing.T) {
		s := one(t, a)
		change(s, sealed("a.1", "x"))
		change(s, es.Material{Key: "a.1", Kept: []byte("kept")})
		same(t, "published", []es.MaterialRecord{record(2, "a.1", "")}, since(s, 0))
		same(t, "kept", "kept", string(must(s.Material(t.Context(), "a.1"))(t)["a.1"].Kept))
	})
	t.Run("all that is there is read in pages, and nothing that was erased", func(t *testing.T) {
		s := one(t, a)
		change(s, sealed("b.1", "x"), sealed("a.10", "y"), sealed("a.2", "z"), es.Material{Key: "c.1", Kept: []byte("kept")}, sealed("d.1", "gone"))
		change(s, es.Material{Key: "d.1", Erase: true})
		found := map[string]string{}
		for after := ""; ; {
			page := must(s.MaterialAfter(t.Context(), after, 2))(t)
			if len(page) == 0 {
				break
			}
			for _, m := range page {
				found[m.Key] += string(m.Kept)
				after = m.Key
			}
		}
		same(t, "read", map[string]string{"a.10": "kept y", "a.2": "kept z", "b.1": "kept x", "c.1": "kept"}, found)
	})
	t.Run("material is put in place of what was read, and of nothing else", func(t *testing.T) {
		s := one(t, a)
		change(s, sealed("a.1", "x"), sealed("a.2", "y"))
		instead := func(key, held, text string) es.Batch {
			b := s.batch("", es.Any)
			m, was := sealed(key, text), sealed(key, held)
			m.Instead = &was
			b.Stream, b.Material = "", []es.Material{m, sealed("a.3", "also")}
			return b
		}
		s.append(instead("a.1", "x", "new"))
		same(t, "read", "kept new", string(must(s.Material(t.Context(), "a.1"))(t)["a.1"].Kept))
		s.refused(es.ErrConflict, instead("a.1", "x", "again"))
		change(s, es.Material{Key: "a.2", Erase: true})
		s.refused(es.ErrConflict, instead("a.2", "y", "revived"))
		s.refused(es.ErrConflict, instead("a.9", "", "unknown"))
		same(t, "head", int64(5), s.head().Material) // two, then two, then the erasure
	})
	t.Run("a refused append changes no material", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{})
		b := s.batch("a", es.None, Closed{})
		b.Material = []es.Material{sealed("a.1", "x")}
		s.refused(es.ErrConflict, b)
		same(t, "read", 0, len(must(s.Material(t.Context(), "a.1"))(t)))
	})
}

// record is a published change; no text: erased.
func record(position int64, key, text string) es.MaterialRecord {
	r := es.MaterialRecord{Position: position, Key: key}
	if text != "" {
		r.Sealed = []byte(text)
	}
	return r
}
