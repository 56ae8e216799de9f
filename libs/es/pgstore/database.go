package pgstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tidegate-io/tidegate/libs/es/internal/sqlstore"
)

// acquireTimeout is how long a call waits for a connection.
const acquireTimeout = 2 * time.Second

// transactions is how many run at once: one that has the head row, and one whose
// statements are on their way to it. Four made half as many appends as two, for
// they are woken in turn, and kept readers waiting for a connection.
const transactions = 2

// database is a pool of connections to one schema.
type database struct {
	pool *pgxpool.Pool
	// queue holds a token for each transaction.
	queue chan struct{}
}

var _ sqlstore.Database = (*database)(nil)

func newDatabase(pool *pgxpool.Pool) *database {
	return &database{pool: pool, queue: make(chan struct{}, transactions)}
}

// acquire hands a connection to use. When it turns out to be dead, so may all
// others be: they are closed, and a fresh one is tried if use says that nothing
// has come of the first.
func (d *database) acquire(ctx context.Context, use func(*pgxpool.Conn) (retry bool, err error)) error {
	for attempt := 1; ; attempt++ {
		dead, retry, err := d.try(ctx, use)
		if dead && ctx.Err() == nil { // a caller who went away closes his connection only
			d.pool.Reset()
		}
		if !dead || !retry || attempt == 2 || ctx.Err() != nil {
			return err
		}
	}
}

func (d *database) try(ctx context.Context, use func(*pgxpool.Conn) (bool, error)) (dead, retry bool, err error) {
	wait, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	conn, err := d.pool.Acquire(wait)
	if err != nil {
		return false, false, unavailable(err)
	}
	defer conn.Release()
	retry, err = use(conn)
	return conn.Conn().IsClosed(), retry, err
}

// Run implements sqlstore.Database.
func (d *database) Run(ctx context.Context, all ...sqlstore.Statement) error {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Patience(ctx))
	defer cancel()
	return d.acquire(ctx, func(conn *pgxpool.Conn) (bool, error) {
		answered, err := run(ctx, conn.Conn(), all)
		return !answered, err
	})
}

// Transact implements sqlstore.Database.
func (d *database) Transact(ctx context.Context, f func(tx sqlstore.Runner) error) error {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Patience(ctx))
	defer cancel()
	select {
	case d.queue <- struct{}{}:
		defer func() { <-d.queue }()
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	return d.acquire(ctx, func(conn *pgxpool.Conn) (bool, error) {
		tx := transaction{conn: conn.Conn()}
		err := tx.do(ctx, f)
		return !tx.answered, err
	})
}

// transaction is one on a connection. It begins with its first statements, in
// their round trip.
type transaction struct {
	conn     *pgx.Conn
	begun    bool
	answered bool // a callback has heard of an answer
}

func (t *transaction) Run(ctx context.Context, all ...sqlstore.Statement) error {
	if !t.begun {
		t.begun = true
		all = append([]sqlstore.Statement{{SQL: "begin isolation level read committed"}}, all...)
	}
	answered, err := run(ctx, t.conn, all)
	t.answered = t.answered || answered
	return err
}

func (t *transaction) do(ctx context.Context, f func(tx sqlstore.Runner) error) error {
	open := true
	defer func() {
		if open && t.begun && !t.conn.IsClosed() {
			_ = t.end(ctx, "rollback") // a connection that cannot is closed, which rolls back too
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	open = false
	if !t.begun {
		return nil
	}
	return t.end(ctx, "commit")
}

// end sends the end of the transaction. Once it is sent, a caller who goes away
// must not leave its outcome unknown.
func (t *transaction) end(ctx context.Context, how string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sqlstore.Patience(ctx))
	defer cancel()
	tag, err := t.conn.Exec(ctx, how, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return fault(t.conn, err)
	}
	if !strings.EqualFold(tag.String(), how) {
		return fmt.Errorf("the transaction ended with %s, not %s", tag, how)
	}
	return nil
}

// Close implements sqlstore.Database.
func (d *database) Close() error {
	d.pool.Close()
	return nil
}

// run sends all statements at once and reads their answers in order. answered
// tells whether a callback has heard of any.
func run(ctx context.Context, conn *pgx.Conn, all []sqlstore.Statement) (answered bool, err error) {
	if len(all) == 0 {
		return false, nil
	}
	if len(all) == 1 {
		rows, err := conn.Query(ctx, all[0].SQL, arguments(all[0])...)
		if err != nil {
			return false, fault(conn, err)
		}
		return answer(conn, rows, all[0])
	}
	batch := &pgx.Batch{}
	for _, s := range all {
		batch.Queue(s.SQL, arguments(s)...)
	}
	results := conn.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }()
	for _, s := range all {
		rows, err := results.Query()
		if err != nil {
			return answered, fault(conn, err)
		}
		heard, err := answer(conn, rows, s)
		answered = answered || heard
		if err != nil {
			return answered, err
		}
	}
	if err := results.Close(); err != nil {
		return answered, fault(conn, err)
	}
	return answered, nil
}

// answer hands the rows of one statement to its callbacks, whose errors pass as
// they are.
func answer(conn *pgx.Conn, rows pgx.Rows, s sqlstore.Statement) (heard bool, err error) {
	defer rows.Close()
	for rows.Next() {
		if s.Row == nil {
			continue
		}
		heard = true
		if err := s.Row(rows.Scan); err != nil {
			return heard, err
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return heard, fault(conn, err)
	}
	if s.Done != nil {
		return true, s.Done(rows.CommandTag().RowsAffected())
	}
	return heard, nil
}

// arguments answers a statement's arguments as Postgres takes them.
func arguments(s sqlstore.Statement) []any {
	for i, arg := range s.Args {
		if text, ok := arg.(string); ok {
			s.Args[i] = clean(text)
		}
	}
	return s.Args
}

// clean replaces what Postgres cannot hold in text, NUL and bytes that are not
// UTF-8, so that a caller's odd key is looked for and not found.
func clean(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}
