package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidegate-io/tidegate/libs/es"
)

// reader implements es.Reader on the database or inside an append.
type reader struct {
	store  *Store
	run    Runner
	inside bool // an append, which holds the head row
}

// status is how a view stands to the head at the moment of a read.
type status struct {
	head int64
	row  cursorRow
}

func (r reader) view(name string) (*view, error) {
	for _, v := range r.store.views {
		if v.Name == name {
			return v, nil
		}
	}
	return nil, fmt.Errorf("the service has no view %q", name)
}

// fresh tells whether what was read with a status may be answered. If not, it
// has caught the view up and the read must be done again.
func (r reader) fresh(ctx context.Context, v *view, st status) (bool, error) {
	s := r.store
	again, err := s.mustRebuild(ctx, r.run, v, st.row)
	if err != nil {
		return false, err
	}
	if st.row.cursor == st.head && !again {
		return true, nil
	}
	if !r.inside {
		return false, s.catchUp(ctx, v)
	}
	if st.row.cursor < 0 {
		if err := s.createView(ctx, r.run, v); err != nil {
			return false, err
		}
		st.row.cursor = 0
	}
	if again {
		if err := s.emptyView(ctx, r.run, v); err != nil {
			return false, err
		}
		st.row = cursorRow{}
	}
	return false, s.foldOn(ctx, r.run, v, st.row, st.head)
}

// reading does a read until the view was caught up when it was done.
func (r reader) reading(ctx context.Context, v *view, read func() (status, error)) error {
	for {
		st, err := read()
		if err != nil && !r.inside && r.store.dialect.NoTable(err) {
			st, err = status{row: cursorRow{cursor: -1}}, nil
		}
		if err != nil {
			return err
		}
		if ok, err := r.fresh(ctx, v, st); ok || err != nil {
			return err
		}
	}
}

// Get implements es.Reader.
func (r reader) Get(ctx context.Context, name, key string) (es.Doc, error) {
	v, err := r.view(name)
	if err != nil {
		return es.Doc{}, err
	}
	var version *int64
	var body []byte
	err = r.reading(ctx, v, func() (status, error) {
		var st status
		version, body = nil, nil
		err := r.run.Run(ctx, Statement{
			SQL:  v.get,
			Args: []any{v.id, key},
			Row: func(scan func(...any) error) error {
				return scan(&st.head, &st.row.cursor, &st.row.skipped, &version, &body)
			},
		})
		return st, err
	})
	if err != nil {
		return es.Doc{}, fmt.Errorf("get %s %q: %w", name, key, err)
	}
	if version == nil {
		return es.Doc{}, fmt.Errorf("%s %q: %w", name, key, es.ErrNotFound)
	}
	return es.Doc{Key: key, Version: *version, Body: body}, nil
}

// Fact implements es.Reader.
func (r reader) Fact(ctx context.Context, kind, id string) (es.Fact, error) {
	found, err := r.Facts(ctx, kind, []string{id})
	if err != nil {
		return es.Fact{}, err
	}
	fact, ok := found[id]
	if !ok {
		return es.Fact{}, fmt.Errorf("%s %q: %w", kind, id, es.ErrNotFound)
	}
	return fact, nil
}

// Facts implements es.Reader.
func (r reader) Facts(ctx context.Context, kind string, ids []string) (map[string]es.Fact, error) {
	found, err := r.store.facts(ctx, r.run, kind, ids)
	if err != nil {
		return nil, fmt.Errorf("read facts of kind %s: %w", kind, err)
	}
	return found, nil
}

func (s *Store) facts(ctx context.Context, run Runner, kind string, ids []string) (map[string]es.Fact, error) {
	source, ok := s.sources[kind]
	if !ok {
		return nil, fmt.Errorf("the service has no such reference")
	}
	found := make(map[string]es.Fact, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	err := run.Run(ctx, Statement{
		SQL:  `SELECT id, live, body FROM facts WHERE shape = $1 AND kind = $2 AND ` + s.dialect.In("id", "$3"),
		Args: []any{s.shapes[source], kind, s.dialect.List(ids)},
		Row: func(scan func(...any) error) error {
			fact := es.Fact{Kind: kind}
			var body []byte
			err := scan(&fact.ID, &fact.Live, &body)
			fact.Body = json.RawMessage(body)
			found[fact.ID] = fact
			return err
		},
	})
	return found, err
}

// Material implements es.Reader.
func (r reader) Material(ctx context.Context, keys ...string) (map[string]es.Material, error) {
	found := make(map[string]es.Material, len(keys))
	if len(keys) == 0 {
		return found, nil
	}
	err := r.run.Run(ctx, Statement{
		SQL:  `SELECT key, sealed, kept, hint FROM material WHERE NOT erased AND ` + r.store.dialect.In("key", "$1"),
		Args: []any{r.store.dialect.List(keys)},
		Row: func(scan func(...any) error) error {
			var m es.Material
			err := scan(&m.Key, &m.Sealed, &m.Kept, &m.Hint)
			found[m.Key] = m
			return err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("read material: %w", err)
	}
	return found, nil
}

// MaterialAfter implements es.Reader. The database orders keys, and compares
// them, by the same collation.
func (r reader) MaterialAfter(ctx context.Context, key string, limit int) ([]es.Material, error) {
	var found []es.Material
	err := r.run.Run(ctx, Statement{
		SQL:  `SELECT key, sealed, kept, hint FROM material WHERE NOT erased AND key > $1 ORDER BY key LIMIT $2`,
		Args: []any{key, limit},
		Row: func(scan func(...any) error) error {
			var m es.Material
			err := scan(&m.Key, &m.Sealed, &m.Kept, &m.Hint)
			found = append(found, m)
			return err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("read material: %w", err)
	}
	return found, nil
}

// Holder implements es.Reader.
func (r reader) Holder(ctx context.Context, scope, value string) (string, error) {
	var holder string
	err := r.run.Run(ctx, Statement{
		SQL:  `SELECT holder FROM claims WHERE scope = $1 AND value = $2`,
		Args: []any{scope, value},
		Row:  func(scan func(...any) error) error { return scan(&holder) },
	})
	if err != nil {
		return "", fmt.Errorf("read claim in %s: %w", scope, err)
	}
	if holder == "" {
		return "", fmt.Errorf("claim in %s: %w", scope, es.ErrNotFound)
	}
	return holder, nil
}
