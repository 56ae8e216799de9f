package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// appending is one append on its way through its transaction.
type appending struct {
	*Store
	tx    Runner
	batch es.Batch

	head     head
	before   int64 // the head's position before this append
	version  int64 // the stream's, before this append
	holders  map[claimKey]string
	material map[string]materialRow
	cursors  []cursorRow // of s.views, by index
	docs     []documents // of s.views, by index
	added    []decoded
	events   []events.Envelope
	bodies   [][]byte
}

// head is the head row. time is in unix microseconds.
type head struct {
	epoch                    string
	position, material, time int64
}

func (h head) public() es.Head {
	return es.Head{Epoch: h.epoch, Position: h.position, Material: h.material}
}

// Append implements es.Streams.
func (s *Store) Append(ctx context.Context, batch es.Batch) (es.Commit, error) {
	for _, e := range batch.Events {
		if len(e.Data) > events.MaxSize {
			return es.Commit{}, fmt.Errorf("append to %s: %s of %d bytes: %w", batch.Stream, e.Type, len(e.Data), es.ErrTooLarge)
		}
	}
	commit, err := s.tryAppend(ctx, batch)
	if err != nil && s.dialect.NoTable(err) {
		if err = s.catchUpAll(ctx); err == nil {
			commit, err = s.tryAppend(ctx, batch)
		}
	}
	if err != nil {
		return es.Commit{}, fmt.Errorf("append to %s: %w", batch.Stream, err)
	}
	s.broadcast()
	if err := s.reached(StepCommitted); err != nil {
		return es.Commit{}, fmt.Errorf("append to %s: %w", batch.Stream, err)
	}
	return commit, nil
}

func (s *Store) tryAppend(ctx context.Context, batch es.Batch) (commit es.Commit, err error) {
	err = s.db.Transact(ctx, func(tx Runner) error {
		a := appending{Store: s, tx: tx, batch: batch}
		commit, err = a.run(ctx)
		return err
	})
	return commit, err
}

func (a *appending) run(ctx context.Context) (es.Commit, error) {
	if err := a.lock(ctx); err != nil {
		return es.Commit{}, err
	}
	if err := a.reached(StepLocked); err != nil {
		return es.Commit{}, err
	}
	if err := a.encode(); err != nil {
		return es.Commit{}, err
	}
	writes, err := a.claimed()
	if err != nil {
		return es.Commit{}, err
	}
	writes = append(writes, a.materialised()...)
	for i, e := range a.events {
		writes = append(writes, insertEvent(e, a.bodies[i]))
	}
	folded, err := a.fold(ctx)
	if err != nil {
		return es.Commit{}, err
	}
	if err := a.reached(StepFolded); err != nil {
		return es.Commit{}, err
	}
	if err := a.tx.Run(ctx, append(writes, folded...)...); err != nil {
		return es.Commit{}, err
	}
	if err := a.reached(StepWritten); err != nil {
		return es.Commit{}, err
	}
	commit := es.Commit{Events: a.events, Head: a.head.public(), Time: time.UnixMicro(a.head.time).UTC()}
	if err := a.answer(ctx, commit); err != nil {
		return es.Commit{}, err
	}
	return commit, a.reached(StepAnswered)
}

const sqlLock = `UPDATE head SET position = position + $1, time = CASE WHEN time > $2 THEN time ELSE $2 END
WHERE id = 1 RETURNING epoch, position, material, time`

// lockHead takes the head row, which serialises all writing transactions, and
// moves it by n events and to a time that is not below its own.
func lockHead(n int, at int64, h *head) Statement {
	return Statement{
		SQL:  sqlLock,
		Args: []any{int64(n), at},
		Row:  func(scan func(...any) error) error { return scan(&h.epoch, &h.position, &h.material, &h.time) },
	}
}

// lock takes the head row and checks everything that can refuse the batch, in
// one run. The order decides which refusal wins: a reaction that was handled
// and a call that was answered are told so, whatever else has changed since.
func (a *appending) lock(ctx context.Context) error {
	b := a.batch
	run := []Statement{lockHead(len(b.Events), a.now().UnixMicro(), &a.head)}
	if b.Idempotency != nil {
		run = append(run, holdLease(*b.Idempotency))
	}
	if b.Inbox != "" {
		run = append(run, one(es.ErrDuplicate, `INSERT INTO inbox (key) VALUES ($1) ON CONFLICT (key) DO NOTHING`, b.Inbox))
	}
	if b.Stream != "" {
		run = append(run, Statement{
			SQL:  `SELECT COALESCE(MAX(version), 0) FROM events WHERE stream = $1`,
			Args: []any{b.Stream},
			Row:  a.expected,
		})
	}
	for _, ref := range b.Require {
		require, err := a.holds(ref)
		if err != nil {
			return err
		}
		run = append(run, require)
	}
	claims, err := a.readClaims()
	if err != nil {
		return err
	}
	run = append(run, claims...)
	run = append(run, a.readMaterial()...)
	if len(b.Events) > 0 && len(a.views) > 0 {
		a.added = a.decode(b.Events)
		for i := range a.added {
			a.added[i].Source, a.added[i].Stream = a.schema.Source(), b.Stream
		}
		run = append(run, a.readCursors())
		run = append(run, a.readDocuments()...)
	}
	err = a.tx.Run(ctx, run...)
	a.before = a.head.position - int64(len(b.Events))
	return err
}

func (a *appending) expected(scan func(...any) error) error {
	if err := scan(&a.version); err != nil {
		return err
	}
	if a.batch.Expect != es.Any && int64(a.batch.Expect) != a.version {
		return fmt.Errorf("expected version %d, is %d: %w", a.batch.Expect, a.version, es.ErrConflict)
	}
	return nil
}

// holds checks that a foreign fact is known and live.
func (s *Store) holds(ref es.Ref) (Statement, error) {
	source, ok := s.sources[ref.Kind]
	if !ok {
		return Statement{}, fmt.Errorf("require %s %q: the service has no such reference", ref.Kind, ref.ID)
	}
	return Statement{
		SQL:  `SELECT COUNT(*) FROM facts WHERE shape = $1 AND kind = $2 AND id = $3 AND live`,
		Args: []any{s.shapes[source], ref.Kind, ref.ID},
		Row: func(scan func(...any) error) error {
			var live int64
			if err := scan(&live); err != nil {
				return err
			}
			if live == 0 {
				return &es.ReferenceError{Ref: ref}
			}
			return nil
		},
	}, nil
}

// encode makes the events' bytes, which are theirs for ever.
func (a *appending) encode() error {
	a.events = make([]events.Envelope, len(a.batch.Events))
	a.bodies = make([][]byte, len(a.batch.Events))
	for i, e := range a.batch.Events {
		e.Source = a.schema.Source()
		e.Stream = a.batch.Stream
		e.Version = a.version + int64(i) + 1
		e.Position = a.before + int64(i) + 1
		e.Time = time.UnixMicro(a.head.time).UTC()
		body, err := events.Encode(e)
		if err != nil {
			return err
		}
		if len(body) > events.MaxSize {
			return fmt.Errorf("%s of %d bytes: %w", e.Type, len(body), es.ErrTooLarge)
		}
		a.events[i], a.bodies[i] = e, body
		if a.added != nil {
			a.added[i].Envelope = e
		}
	}
	return nil
}

func insertEvent(e events.Envelope, body []byte) Statement {
	return Statement{
		SQL:  `INSERT INTO events (position, stream, version, id, type, body) VALUES ($1, $2, $3, $4, $5, $6)`,
		Args: []any{e.Position, e.Stream, e.Version, e.ID, e.Type, body},
	}
}

// answer renders what the caller is told on the state that is about to be
// committed, and keeps it for the lease.
func (a *appending) answer(ctx context.Context, commit es.Commit) error {
	if a.batch.Answer == nil {
		return nil
	}
	answer, err := a.batch.Answer(ctx, reader{store: a.Store, run: a.tx, inside: true}, commit)
	if err != nil || answer == nil || a.batch.Idempotency == nil {
		return err
	}
	complete, err := a.completeLease(*a.batch.Idempotency, *answer)
	if err != nil {
		return err
	}
	return a.tx.Run(ctx, complete)
}
