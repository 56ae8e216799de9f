package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// A row is a call in flight while its status is 0, and an answer from then on.
// expires is the end of the lease, then of the answer.

const sqlLease = `INSERT INTO idempotency (scope, key, hash, token, status, header, body, started, expires)
VALUES ($1, $2, $3, $4, 0, '', $5, $6, $7)
ON CONFLICT (scope, key) DO UPDATE SET hash = excluded.hash, token = excluded.token, status = 0, header = '',
body = excluded.body, started = excluded.started, expires = excluded.expires
WHERE idempotency.expires <= $6 AND (idempotency.hash = excluded.hash OR idempotency.started <= $8)`

// call is a stored row.
type call struct {
	hash   []byte
	status int64
	header string
	body   []byte
}

// Begin implements es.Idempotencies.
func (s *Store) Begin(ctx context.Context, scope, key string, hash []byte) (*es.Lease, *es.Answer, error) {
	s.sweep()
	lease := &es.Lease{Scope: scope, Key: key, Token: events.NewID(s.now())}
	for {
		leased, first, err := s.begin(ctx, lease, hash)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("begin idempotent call: %w", err)
		case leased:
			return lease, nil, nil
		case first == nil: // abandoned in between
			continue
		case string(first.hash) != string(hash):
			return nil, nil, es.ErrIdempotencyMismatch
		case first.status == 0:
			return nil, nil, es.ErrIdempotencyInFlight
		}
		answer := &es.Answer{Status: int(first.status), Body: first.body}
		if err := json.Unmarshal([]byte(first.header), &answer.Header); err != nil {
			return nil, nil, fmt.Errorf("read kept answer: %w", err)
		}
		return nil, answer, nil
	}
}

func (s *Store) begin(ctx context.Context, lease *es.Lease, hash []byte) (leased bool, first *call, err error) {
	err = s.db.Transact(ctx, func(tx Runner) error {
		now := s.now()
		leased, first = false, nil
		return tx.Run(ctx,
			Statement{
				SQL: sqlLease,
				Args: []any{
					lease.Scope, lease.Key, bytes(hash), lease.Token, []byte{},
					now.UnixMicro(), now.Add(es.LeaseTime).UnixMicro(), now.Add(-es.AnswerTime).UnixMicro(),
				},
				Done: func(changed int64) error {
					leased = changed == 1
					return nil
				},
			},
			Statement{
				SQL:  `SELECT hash, status, header, body FROM idempotency WHERE scope = $1 AND key = $2`,
				Args: []any{lease.Scope, lease.Key},
				Row: func(scan func(...any) error) error {
					first = &call{}
					return scan(&first.hash, &first.status, &first.header, &first.body)
				},
			},
		)
	})
	return leased, first, err
}

// Abandon implements es.Idempotencies.
func (s *Store) Abandon(ctx context.Context, lease *es.Lease) error {
	err := s.db.Transact(ctx, func(tx Runner) error {
		return tx.Run(ctx, Statement{
			SQL:  `DELETE FROM idempotency WHERE scope = $1 AND key = $2 AND token = $3 AND status = 0`,
			Args: []any{lease.Scope, lease.Key, lease.Token},
		})
	})
	if err != nil {
		return fmt.Errorf("abandon idempotent call: %w", err)
	}
	return nil
}

// Complete implements es.Idempotencies.
func (s *Store) Complete(ctx context.Context, lease *es.Lease, answer es.Answer) error {
	complete, err := s.completeLease(*lease, answer)
	if err != nil {
		return err
	}
	err = s.db.Transact(ctx, func(tx Runner) error { return tx.Run(ctx, complete) })
	if err != nil {
		return fmt.Errorf("complete idempotent call: %w", err)
	}
	return nil
}

// holdLease refuses when a lease has passed to another, and keeps it from
// passing until the transaction ends.
func holdLease(lease es.Lease) Statement {
	return one(es.ErrLeaseLost,
		`UPDATE idempotency SET token = token WHERE scope = $1 AND key = $2 AND token = $3 AND status = 0`,
		lease.Scope, lease.Key, lease.Token)
}

func (s *Store) completeLease(lease es.Lease, answer es.Answer) (Statement, error) {
	header, err := json.Marshal(answer.Header)
	if err != nil {
		return Statement{}, fmt.Errorf("keep answer: %w", err)
	}
	return one(es.ErrLeaseLost,
		`UPDATE idempotency SET status = $1, header = $2, body = $3, expires = $4
WHERE scope = $5 AND key = $6 AND token = $7 AND status = 0`,
		int64(answer.Status), string(header), bytes(answer.Body), s.now().Add(es.AnswerTime).UnixMicro(),
		lease.Scope, lease.Key, lease.Token), nil
}

// How often and how much is swept at a time.
const (
	sweepEvery = time.Minute
	sweepRows  = 500
)

// sweep removes some of the rows that have expired, in the background and at
// most once a minute.
func (s *Store) sweep() {
	now, next := s.now(), s.nextSweep.Load()
	if now.UnixMicro() < next || !s.nextSweep.CompareAndSwap(next, now.Add(sweepEvery).UnixMicro()) {
		return
	}
	s.sweeping.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.db.Transact(ctx, func(tx Runner) error { // what stays is swept the next time
			return tx.Run(ctx, Statement{
				SQL: `DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM idempotency
WHERE started <= $1 AND expires <= $2 ORDER BY started LIMIT $3)`,
				Args: []any{now.Add(-es.AnswerTime).UnixMicro(), now.UnixMicro(), int64(sweepRows)},
			})
		})
	})
}
