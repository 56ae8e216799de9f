package sqlstore

import (
	"fmt"

	"github.com/tidegate-io/tidegate/libs/es"
)

// materialRow is what is there of a key. A position of 0 was never published.
type materialRow struct {
	position int64
	sealed   bool
}

func (a *appending) readMaterial() []Statement {
	a.material = make(map[string]materialRow, len(a.batch.Material))
	var run []Statement
	for _, m := range a.batch.Material {
		if m.Instead != nil {
			run = append(run, a.unchanged(m.Key, *m.Instead))
		}
		run = append(run, Statement{
			SQL:  `SELECT position, LENGTH(sealed) > 0 FROM material WHERE key = $1`,
			Args: []any{m.Key},
			Row: func(scan func(...any) error) error {
				var row materialRow
				err := scan(&row.position, &row.sealed)
				a.material[m.Key] = row
				return err
			},
		})
	}
	return run
}

// unchanged checks that a row is there and still holds what somebody has read.
func (a *appending) unchanged(key string, held es.Material) Statement {
	return Statement{
		SQL:  `SELECT COUNT(*) FROM material WHERE key = $1 AND NOT erased AND sealed = $2 AND kept = $3`,
		Args: []any{key, bytes(held.Sealed), bytes(held.Kept)},
		Row: func(scan func(...any) error) error {
			var same int64
			if err := scan(&same); err != nil {
				return err
			}
			if same == 0 {
				return fmt.Errorf("the material of %s has changed: %w", key, es.ErrConflict)
			}
			return nil
		},
	}
}

const sqlPutMaterial = `INSERT INTO material (key, position, sealed, kept, hint, erased) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (key) DO UPDATE SET position = excluded.position, sealed = excluded.sealed, kept = excluded.kept,
hint = excluded.hint, erased = excluded.erased`

// materialised answers the writes of the batch's material, and moves the
// material counter by those changes that gateways must hear of:
//
//   - a put of sealed bytes;
//   - a put without them, or an erasure, over a row that had some;
//   - the erasure of a key that is not known: after a restore the bus may know
//     more than we do.
//
// The row of an erased key stays, without its bytes, so that the relay finds it.
func (a *appending) materialised() []Statement {
	var writes []Statement
	published := a.head.material
	for _, m := range a.batch.Material {
		row, known := a.material[m.Key]
		if m.Erase {
			m.Sealed, m.Kept, m.Hint = nil, nil, ""
		}
		if len(m.Sealed) > 0 || row.sealed || m.Erase && !known {
			a.head.material++
			row.position = a.head.material
		}
		row.sealed = len(m.Sealed) > 0
		a.material[m.Key] = row
		writes = append(writes, Statement{
			SQL:  sqlPutMaterial,
			Args: []any{m.Key, row.position, bytes(m.Sealed), bytes(m.Kept), m.Hint, m.Erase},
		})
	}
	if a.head.material > published {
		writes = append(writes, Statement{SQL: `UPDATE head SET material = $1 WHERE id = 1`, Args: []any{a.head.material}})
	}
	return writes
}
