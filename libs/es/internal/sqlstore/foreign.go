package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// subscriber answers the name under which a cursor is kept. That of the facts
// carries which kinds are folded, and in which version: a release that folds
// others reads the source from the start into facts of its own, while replicas
// of the older one go on with theirs.
func (s *Store) subscriber(subscriber, source string) string {
	if shape := s.shapes[contextOf(source)]; subscriber == es.FactsSubscriber && shape != "" {
		return shape
	}
	return subscriber
}

// contextOf answers the source that references name, of one that many tell of.
func contextOf(source string) string {
	context, _, _ := strings.Cut(source, "/")
	return context
}

// Cursor implements es.Foreign.
func (s *Store) Cursor(ctx context.Context, subscriber, source string) (es.Cursor, error) {
	var c es.Cursor
	if err := s.db.Run(ctx, s.readSourceCursor(subscriber, source, &c)); err != nil {
		return es.Cursor{}, fmt.Errorf("read cursor of %s in %s: %w", subscriber, source, err)
	}
	return c, nil
}

func (s *Store) readSourceCursor(subscriber, source string, c *es.Cursor) Statement {
	return Statement{
		SQL:  `SELECT epoch, position FROM cursors WHERE subscriber = $1 AND source = $2`,
		Args: []any{s.subscriber(subscriber, source), source},
		Row:  func(scan func(...any) error) error { return scan(&c.Epoch, &c.Position) },
	}
}

// Absorb implements es.Foreign. An event that a reference's fold fails on is
// parked.
func (s *Store) Absorb(ctx context.Context, a es.Absorption) error {
	err := s.db.Transact(ctx, func(tx Runner) error {
		var h head
		var at es.Cursor
		if err := tx.Run(ctx, lockHead(0, 0, &h), s.readSourceCursor(a.Subscriber, a.Source, &at)); err != nil {
			return err
		}
		if at != a.From {
			return fmt.Errorf("cursor is %s/%d, not %s/%d: %w", at.Epoch, at.Position, a.From.Epoch, a.From.Position, es.ErrCursor)
		}
		var writes []Statement
		parked := a.Park
		if a.Subscriber == es.FactsSubscriber {
			folded, failed, err := s.foldFacts(ctx, tx, a)
			if err != nil {
				return err
			}
			writes, parked = folded, append(slices.Clip(parked), failed...)
		}
		for _, p := range parked {
			writes = append(writes, s.park(a, p))
		}
		writes = append(writes, Statement{
			SQL: `INSERT INTO cursors (subscriber, source, epoch, position, touched) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (subscriber, source) DO UPDATE SET epoch = excluded.epoch, position = excluded.position, touched = excluded.touched`,
			Args: []any{s.subscriber(a.Subscriber, a.Source), a.Source, a.To.Epoch, a.To.Position, s.now().UnixMicro()},
		})
		return tx.Run(ctx, writes...)
	})
	if err != nil {
		return fmt.Errorf("absorb %s for %s: %w", a.Source, a.Subscriber, err)
	}
	s.broadcast()
	return nil
}

// factKey is one fact.
type factKey struct{ kind, id string }

// foldFacts answers the writes that fold what was read into the references.
func (s *Store) foldFacts(ctx context.Context, tx Runner, a es.Absorption) (writes []Statement, failed []es.Parked, err error) {
	source := contextOf(a.Source)
	shape := s.shapes[source]
	if shape == "" {
		return nil, nil, nil
	}
	if a.Reset && source != a.Source {
		return nil, nil, fmt.Errorf("what %s is known from has no history to begin again", a.Source)
	}
	known := map[factKey]es.Fact{}
	if a.Reset {
		writes = append(writes, Statement{
			SQL: `DELETE FROM facts WHERE shape = $1 AND source = $2`, Args: []any{shape, a.Source},
		})
	} else if err := s.knownFacts(ctx, tx, a, known); err != nil {
		return nil, nil, err
	}
	var changed []factKey
	ranks := map[factKey]func(json.RawMessage) string{}
	for _, e := range a.Events {
		again := !a.Reset && a.From.Epoch == a.To.Epoch && e.Envelope.Position <= a.From.Position
		if e.Data == nil || again {
			continue
		}
		for _, ref := range s.schema.References {
			if ref.Source != source {
				continue
			}
			key := factKey{ref.Kind, ref.Key(e.Envelope, e.Data)}
			if key.id == "" {
				continue
			}
			body, live, err := ref.Step(known[key].Body, e.Envelope, e.Data)
			if err != nil {
				failed = append(failed, es.Parked{
					Subscriber: a.Subscriber, Source: a.Source, Position: e.Envelope.Position,
					EventID: e.Envelope.ID, Type: e.Envelope.Type, Error: err.Error(), Body: e.Body,
				})
				continue
			}
			known[key] = es.Fact{Kind: key.kind, ID: key.id, Live: live, Body: body}
			if _, again := ranks[key]; !again {
				ranks[key] = ref.RankOf
				changed = append(changed, key)
			}
		}
	}
	for _, key := range changed {
		writes = append(writes, Statement{
			SQL: `INSERT INTO facts (shape, kind, id, source, live, body, rank) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (shape, kind, id) DO UPDATE SET live = excluded.live, body = excluded.body, rank = excluded.rank`,
			Args: []any{shape, key.kind, key.id, source, known[key].Live, bytes(known[key].Body), ranks[key](known[key].Body)},
		})
	}
	return writes, failed, nil
}

// knownFacts reads the facts that an absorption changes.
func (s *Store) knownFacts(ctx context.Context, tx Runner, a es.Absorption, known map[factKey]es.Fact) error {
	for _, ref := range s.schema.References {
		if ref.Source != contextOf(a.Source) {
			continue
		}
		var ids []string
		seen := map[string]bool{"": true}
		for _, e := range a.Events {
			if e.Data == nil {
				continue
			}
			if id := ref.Key(e.Envelope, e.Data); !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
		found, err := s.facts(ctx, tx, ref.Kind, ids)
		if err != nil {
			return err
		}
		for id, fact := range found {
			known[factKey{ref.Kind, id}] = fact
		}
	}
	return nil
}

// dropFacts forgets the facts of sets of references that no release has folded
// into since a moment, and the cursors of those of many that tell nothing more.
func (s *Store) dropFacts(ctx context.Context, tx Runner, unused int64) error {
	current := []string{""}
	for _, shape := range s.shapes {
		current = append(current, shape)
	}
	old := `SELECT subscriber FROM cursors WHERE subscriber LIKE '` + es.FactsSubscriber + `:%' AND NOT (` +
		s.dialect.In("subscriber", "$2") + `) GROUP BY subscriber HAVING MAX(touched) < $1`
	args := []any{unused, s.dialect.List(current)}
	return tx.Run(ctx,
		Statement{SQL: `DELETE FROM facts WHERE shape IN (` + old + `)`, Args: args},
		Statement{SQL: `DELETE FROM cursors WHERE subscriber IN (` + old + `)`, Args: args},
		Statement{
			SQL:  `DELETE FROM cursors WHERE source LIKE '%/%' AND touched < $1`,
			Args: []any{s.now().Add(-es.CursorTime).UnixMicro()},
		},
	)
}

func (s *Store) park(a es.Absorption, p es.Parked) Statement {
	if p.Subscriber == "" {
		p.Subscriber = a.Subscriber
	}
	if p.Source == "" {
		p.Source = a.Source
	}
	if p.At.IsZero() {
		p.At = s.now()
	}
	return Statement{
		SQL: `INSERT INTO parked (subscriber, source, position, event_id, type, error, body, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (subscriber, source, position) DO UPDATE SET event_id = excluded.event_id, type = excluded.type,
error = excluded.error, body = excluded.body, at = excluded.at`,
		Args: []any{p.Subscriber, p.Source, p.Position, p.EventID, p.Type, p.Error, bytes(p.Body), p.At.UnixMicro()},
	}
}

// Parked implements es.Foreign.
func (s *Store) Parked(ctx context.Context, subscriber string) ([]es.Parked, error) {
	var all []es.Parked
	err := s.db.Run(ctx, Statement{
		SQL: `SELECT subscriber, source, position, event_id, type, error, body, at FROM parked
WHERE $1 = '' OR subscriber = $1 ORDER BY at, source, position, subscriber`,
		Args: []any{subscriber},
		Row: func(scan func(...any) error) error {
			var p es.Parked
			var at int64
			err := scan(&p.Subscriber, &p.Source, &p.Position, &p.EventID, &p.Type, &p.Error, &p.Body, &at)
			p.At = time.UnixMicro(at).UTC()
			all = append(all, p)
			return err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("read parked messages: %w", err)
	}
	return all, nil
}

// Unpark implements es.Foreign.
func (s *Store) Unpark(ctx context.Context, subscriber, source string, position int64) error {
	err := s.db.Transact(ctx, func(tx Runner) error {
		return tx.Run(ctx, one(es.ErrNotFound,
			`DELETE FROM parked WHERE subscriber = $1 AND source = $2 AND position = $3`, subscriber, source, position))
	})
	if err != nil {
		return fmt.Errorf("unpark %s of %s at %d: %w", source, subscriber, position, err)
	}
	return nil
}
