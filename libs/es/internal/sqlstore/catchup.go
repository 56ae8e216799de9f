package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// foldAtOnce is how many events are folded in one transaction while a view is
// built: few enough that appends in between wait for milliseconds.
const foldAtOnce = 256

// batchTime bounds such a transaction, of which many may wait for one another.
const batchTime = time.Minute

// catchUp folds a view up to the head, in batches under the head row. Where
// the view's tables are gone it makes them anew; where an event was skipped
// that this release can read, it starts again from the first event.
func (s *Store) catchUp(ctx context.Context, v *view) error {
	ctx = patiently(ctx, batchTime)
	for done := false; !done; {
		err := s.db.Transact(ctx, func(tx Runner) error {
			var h head
			row := cursorRow{cursor: -1}
			if err := tx.Run(ctx, lockHead(0, 0, &h), readCursor(v, &row)); err != nil {
				return err
			}
			if row.cursor < 0 {
				if err := s.createView(ctx, tx, v); err != nil {
					return err
				}
				row.cursor = 0
			}
			again, err := s.mustRebuild(ctx, tx, v, row)
			if err != nil {
				return err
			}
			if again {
				if err := s.emptyView(ctx, tx, v); err != nil {
					return err
				}
				row = cursorRow{}
			}
			upTo := min(h.position, row.cursor+foldAtOnce)
			done = upTo == h.position
			return s.foldOn(ctx, tx, v, row, upTo)
		})
		if err != nil {
			return fmt.Errorf("catch view %s up: %w", v.id, err)
		}
	}
	return nil
}

func (s *Store) catchUpAll(ctx context.Context) error {
	for _, v := range s.views {
		if err := s.catchUp(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

func readCursor(v *view, row *cursorRow) Statement {
	return Statement{
		SQL:  `SELECT cursor, skipped FROM views WHERE id = $1`,
		Args: []any{v.id},
		Row:  func(scan func(...any) error) error { return scan(&row.cursor, &row.skipped) },
	}
}

// foldOn folds a view from its cursor through a position that is committed, or
// written by this transaction, and moves its cursor there.
func (s *Store) foldOn(ctx context.Context, tx Runner, v *view, row cursorRow, upTo int64) error {
	for row.cursor < upTo {
		through := min(upTo, row.cursor+foldAtOnce)
		stored, err := readEvents(ctx, tx, row.cursor, through)
		if err != nil {
			return err
		}
		all := s.decode(stored)
		writes, err := s.foldView(ctx, tx, v, all, nil)
		if err != nil {
			return err
		}
		for _, e := range all {
			if e.data == nil && row.skipped == 0 {
				row.skipped = e.Position
			}
		}
		row.cursor = through
		writes = append(writes, Statement{
			SQL:  `UPDATE views SET cursor = $1, skipped = $2, touched = $3 WHERE id = $4`,
			Args: []any{row.cursor, row.skipped, s.now().UnixMicro(), v.id},
		})
		if err := tx.Run(ctx, writes...); err != nil {
			return err
		}
	}
	return nil
}

// readEvents answers the events above one position and up to another.
func readEvents(ctx context.Context, run Runner, after, through int64) ([]events.Envelope, error) {
	all := make([]events.Envelope, 0, through-after)
	err := run.Run(ctx, Statement{
		SQL:  `SELECT body FROM events WHERE position > $1 AND position <= $2 ORDER BY position`,
		Args: []any{after, through},
		Row:  envelopes(&all),
	})
	return all, err
}

// mustRebuild tells whether a view lacks an event that this release can read.
func (s *Store) mustRebuild(ctx context.Context, run Runner, v *view, row cursorRow) (bool, error) {
	if row.skipped == 0 {
		return false, nil
	}
	if at, known := s.undecoded.Load(v.id); known && at == row.skipped {
		return false, nil
	}
	stored, err := readEvents(ctx, run, row.skipped-1, row.skipped)
	if err != nil {
		return false, err
	}
	for _, e := range s.decode(stored) {
		if e.data == nil {
			s.undecoded.Store(v.id, row.skipped)
			return false, nil
		}
	}
	return true, nil
}

func (s *Store) emptyView(ctx context.Context, tx Runner, v *view) error {
	return tx.Run(ctx,
		Statement{SQL: `DELETE FROM ` + v.docs},
		Statement{SQL: `DELETE FROM ` + v.terms},
		Statement{SQL: `UPDATE views SET cursor = 0, skipped = 0 WHERE id = $1`, Args: []any{v.id}},
	)
}
