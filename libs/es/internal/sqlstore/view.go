package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// view is one version of a view in tables of its own: a document a row, in the
// order of the events that made them, and a row for each of its terms.
type view struct {
	es.View
	id          string // "consumers.1"
	docs, terms string // quoted table names

	get, load, insert, update, removeTerm string // statements
}

func newView(v es.View, d Dialect) *view {
	docs, terms := viewTables(fmt.Sprintf("%s.%d", v.Name, v.Version))
	return &view{
		View: v,
		id:   fmt.Sprintf("%s.%d", v.Name, v.Version),
		docs: docs, terms: terms,
		get: `SELECT h.position, COALESCE(v.cursor, -1), COALESCE(v.skipped, 0), d.version, d.body
FROM head h LEFT JOIN views v ON v.id = $1 LEFT JOIN ` + docs + ` d ON d.key = $2`,
		load:       `SELECT seq, key, version, body, text, terms FROM ` + docs + ` WHERE ` + d.In("key", "$1"),
		insert:     `INSERT INTO ` + docs + ` (seq, key, version, body, text, terms) VALUES ($1, $2, $3, $4, $5, $6)`,
		update:     `UPDATE ` + docs + ` SET version = $2, body = $3, text = $4, terms = $5 WHERE seq = $1`,
		removeTerm: `DELETE FROM ` + terms + ` WHERE field = $1 AND value = $2 AND seq = $3`,
	}
}

// viewTables answers the quoted names of a view version's tables.
func viewTables(id string) (docs, terms string) {
	name := strings.ReplaceAll(id, ".", "_v")
	return `"view_` + name + `"`, `"term_` + name + `"`
}

// unusedFor is after how long the tables of an older view version, and the
// facts of an older set of references, are dropped when a newer release starts:
// no replica of the older one is running, or it rebuilds them.
const unusedFor = 7 * 24 * time.Hour

// ensureViews makes tables for views that have none, and drops those of older
// versions that nothing has folded into for a week.
func (s *Store) ensureViews(ctx context.Context, tx Runner) error {
	var h head
	if err := tx.Run(ctx, lockHead(0, 0, &h)); err != nil {
		return err
	}
	touched := map[string]int64{}
	err := tx.Run(ctx, Statement{
		SQL: `SELECT id, touched FROM views`,
		Row: func(scan func(...any) error) error {
			var id string
			var at int64
			err := scan(&id, &at)
			touched[id] = at
			return err
		},
	})
	if err != nil {
		return err
	}
	for _, v := range s.views {
		if _, there := touched[v.id]; there {
			continue
		}
		if err := s.createView(ctx, tx, v); err != nil {
			return fmt.Errorf("make tables of view %s: %w", v.id, err)
		}
	}
	unused := s.now().Add(-unusedFor).UnixMicro()
	for id, at := range touched {
		if s.superseded(id) && at < unused {
			if err := dropView(ctx, tx, id); err != nil {
				return fmt.Errorf("drop tables of view %s: %w", id, err)
			}
		}
	}
	return s.dropFacts(ctx, tx, unused)
}

func (s *Store) createView(ctx context.Context, tx Runner, v *view) error {
	d := s.dialect
	for _, sql := range []string{
		`CREATE TABLE IF NOT EXISTS ` + v.docs + ` (seq ` + d.Integer + ` NOT NULL PRIMARY KEY, key ` + d.Text + ` NOT NULL UNIQUE,
version ` + d.Integer + ` NOT NULL, body ` + d.Bytes + ` NOT NULL, text ` + d.Text + ` NOT NULL, terms ` + d.Text + ` NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS ` + v.terms + ` (field ` + d.Text + ` NOT NULL, value ` + d.Text + ` NOT NULL,
seq ` + d.Integer + ` NOT NULL, PRIMARY KEY (field, value, seq))` + d.KeyOnly,
	} {
		if err := tx.Run(ctx, Statement{SQL: sql}); err != nil {
			return err
		}
	}
	return tx.Run(ctx, Statement{
		SQL:  `INSERT INTO views (id, cursor, skipped, touched) VALUES ($1, 0, 0, $2)`,
		Args: []any{v.id, s.now().UnixMicro()},
	})
}

// superseded tells whether a view version is older than the one of this
// release. Views that this release does not know may be a newer one's.
func (s *Store) superseded(id string) bool {
	name, version, _ := strings.Cut(id, ".")
	for _, v := range s.views {
		if v.Name == name {
			var n int
			_, err := fmt.Sscanf(version, "%d", &n)
			return err == nil && n < v.Version
		}
	}
	return false
}

func dropView(ctx context.Context, tx Runner, id string) error {
	docs, terms := viewTables(id)
	return tx.Run(ctx,
		Statement{SQL: `DROP TABLE IF EXISTS ` + docs},
		Statement{SQL: `DROP TABLE IF EXISTS ` + terms},
		Statement{SQL: `DELETE FROM views WHERE id = $1`, Args: []any{id}},
	)
}
