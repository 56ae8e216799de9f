package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// rebaseTime bounds the one transaction of a rebase, which may be long.
const rebaseTime = 10 * time.Minute

// Rebase implements es.Feed. Claims are not restored, for a record does not carry
// them: es.Handler.Reclaim makes them anew.
func (s *Store) Rebase(ctx context.Context, epoch string, surplus []es.Record, erase []string) (es.Head, error) {
	ctx = patiently(ctx, rebaseTime)
	var rebased es.Head
	err := s.db.Transact(ctx, func(tx Runner) error {
		// What the bus has of the erased keys is not known here: each erasure is
		// published.
		a := appending{Store: s, tx: tx, material: map[string]materialRow{}}
		for _, key := range erase {
			a.batch.Material = append(a.batch.Material, es.Material{Key: key, Erase: true})
		}
		if err := tx.Run(ctx, lockHead(0, 0, &a.head)); err != nil {
			return err
		}
		for _, record := range surplus {
			if err := a.adopt(ctx, record); err != nil {
				return fmt.Errorf("event %s at %d: %w", record.ID, record.Position, err)
			}
		}
		writes := append(a.materialised(), Statement{
			SQL:  `UPDATE head SET epoch = $1, position = $2, time = $3 WHERE id = 1`,
			Args: []any{epoch, a.head.position, a.head.time},
		})
		if err := tx.Run(ctx, writes...); err != nil {
			return err
		}
		a.head.epoch = epoch
		rebased = a.head.public()
		return nil
	})
	if err != nil {
		return es.Head{}, fmt.Errorf("begin epoch %s: %w", epoch, err)
	}
	s.broadcast()
	return rebased, s.catchUpAll(ctx)
}

// adopt appends one record of the bus: verbatim where it is what comes next,
// else encoded anew behind what is there. One that is there already is left.
func (a *appending) adopt(ctx context.Context, record es.Record) error {
	e, err := events.Decode(record.Body)
	if err != nil {
		return err
	}
	var there, version int64
	err = a.tx.Run(ctx, Statement{
		SQL:  `SELECT (SELECT COUNT(*) FROM events WHERE id = $1), (SELECT COALESCE(MAX(version), 0) FROM events WHERE stream = $2)`,
		Args: []any{e.ID, e.Stream},
		Row:  func(scan func(...any) error) error { return scan(&there, &version) },
	})
	if err != nil || there > 0 {
		return err
	}
	body, at := record.Body, e.Time.UnixMicro()
	if record.Position != e.Position || e.Position != a.head.position+1 || e.Version != version+1 {
		at = max(at, a.head.time)
		e.Position, e.Version, e.Time = a.head.position+1, version+1, time.UnixMicro(at).UTC()
		if body, err = events.Encode(e); err != nil {
			return err
		}
	}
	a.head.position, a.head.time = e.Position, max(at, a.head.time)
	return a.tx.Run(ctx, insertEvent(e, body))
}
