package sqlstore

import (
	"context"
	"fmt"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// envelopes collects the decoded bodies of stored events.
func envelopes(all *[]events.Envelope) func(scan func(...any) error) error {
	return func(scan func(...any) error) error {
		var body []byte
		if err := scan(&body); err != nil {
			return err
		}
		e, err := events.Decode(body)
		*all = append(*all, e)
		return err
	}
}

// Load implements es.Streams.
func (s *Store) Load(ctx context.Context, stream string, after int64) ([]events.Envelope, error) {
	var all []events.Envelope
	err := s.db.Run(ctx, Statement{
		SQL:  `SELECT body FROM events WHERE stream = $1 AND version > $2 ORDER BY version`,
		Args: []any{stream, after},
		Row:  envelopes(&all),
	})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", stream, err)
	}
	return all, nil
}

// Since implements es.Feed.
func (s *Store) Since(ctx context.Context, position int64, limit int) ([]es.Record, error) {
	var records []es.Record
	err := s.db.Run(ctx, Statement{
		SQL:  `SELECT position, id, type, body FROM events WHERE position > $1 ORDER BY position LIMIT $2`,
		Args: []any{position, int64(max(limit, 0))},
		Row: func(scan func(...any) error) error {
			var r es.Record
			err := scan(&r.Position, &r.ID, &r.Type, &r.Body)
			records = append(records, r)
			return err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("read events since %d: %w", position, err)
	}
	return records, nil
}

// MaterialSince implements es.Feed.
func (s *Store) MaterialSince(ctx context.Context, position int64, limit int) ([]es.MaterialRecord, error) {
	var records []es.MaterialRecord
	err := s.db.Run(ctx, Statement{
		SQL:  `SELECT position, key, sealed FROM material WHERE position > $1 ORDER BY position LIMIT $2`,
		Args: []any{max(position, 0), int64(max(limit, 0))},
		Row: func(scan func(...any) error) error {
			var r es.MaterialRecord
			err := scan(&r.Position, &r.Key, &r.Sealed)
			records = append(records, r)
			return err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("read material since %d: %w", position, err)
	}
	return records, nil
}

// Head implements es.Feed.
func (s *Store) Head(ctx context.Context) (es.Head, error) {
	var h es.Head
	err := s.db.Run(ctx, Statement{
		SQL: `SELECT epoch, position, material FROM head WHERE id = 1`,
		Row: func(scan func(...any) error) error { return scan(&h.Epoch, &h.Position, &h.Material) },
	})
	if err != nil {
		return es.Head{}, fmt.Errorf("read head: %w", err)
	}
	return h, nil
}
