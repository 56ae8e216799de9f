package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/internal/sqlstore"
)

// readers is how many connections read: they are cheap, and a read is short.
const readers = 4

// database is one file: a connection that writes, behind a queue, and some that
// read.
type database struct {
	write, read *sql.DB
	queue       chan struct{} // holds one token: the right to write
	conn        *sql.Conn     // the writer; nil: to be opened
	prepared    *statements   // of conn
	reading     *statements   // of read
	written     atomic.Bool   // since it was last tidied
	closed      atomic.Bool
	stop        chan struct{}
	tidying     sync.WaitGroup
}

var _ sqlstore.Database = (*database)(nil)

func open(path string) (*database, error) {
	dsn := func(pragmas ...string) string {
		q := url.Values{"_pragma": append(pragmas, "busy_timeout(5000)", "trusted_schema(0)")}
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	}
	write, err := sql.Open("sqlite", dsn("journal_mode(WAL)", "synchronous(FULL)", "secure_delete(1)"))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn("query_only(1)"))
	if err != nil {
		return nil, err
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &database{
		write: write, read: read,
		queue:   make(chan struct{}, 1),
		reading: newStatements(read),
		stop:    make(chan struct{}),
	}, nil
}

// Run implements sqlstore.Database.
func (d *database) Run(ctx context.Context, all ...sqlstore.Statement) error {
	if d.closed.Load() {
		return errClosed
	}
	return fault(d.reading.run(ctx, all))
}

var errClosed = fmt.Errorf("%w: it is closed", es.ErrUnavailable)

// Transact implements sqlstore.Database. Within the transaction statements are
// not cancelled: they are short, and the writer is the only one there is.
func (d *database) Transact(ctx context.Context, f func(tx sqlstore.Runner) error) (err error) {
	select {
	case d.queue <- struct{}{}:
		defer func() { <-d.queue }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", es.ErrUnavailable, ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	if d.closed.Load() {
		return errClosed
	}
	steady := context.WithoutCancel(ctx)
	if err := d.connect(steady); err != nil {
		return fault(err)
	}
	if err := d.exec(steady, "BEGIN IMMEDIATE"); err != nil {
		return fault(err)
	}
	open := true
	defer func() {
		if open && d.exec(steady, "ROLLBACK") != nil {
			d.disconnect()
		}
	}()
	if err := f(writer{d}); err != nil {
		return err
	}
	if err := d.exec(steady, "COMMIT"); err != nil {
		return fault(err)
	}
	open = false
	d.written.Store(true)
	return nil
}

// writer runs statements of the open transaction.
type writer struct{ *database }

func (w writer) Run(ctx context.Context, all ...sqlstore.Statement) error {
	return fault(w.prepared.run(context.WithoutCancel(ctx), all))
}

func (d *database) connect(ctx context.Context) error {
	if d.conn != nil {
		return nil
	}
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return err
	}
	d.conn, d.prepared = conn, newStatements(conn)
	return nil
}

// disconnect gives up a connection that is in an unknown state.
func (d *database) disconnect() {
	d.prepared.close()
	_ = d.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = d.conn.Close()
	d.conn, d.prepared = nil, nil
}

func (d *database) exec(ctx context.Context, text string) error {
	return d.prepared.run(ctx, []sqlstore.Statement{{SQL: text}})
}

// Close implements sqlstore.Database. It waits for the append that is running.
func (d *database) Close() error {
	if !d.closed.Swap(true) {
		close(d.stop)
	}
	d.tidying.Wait()
	d.queue <- struct{}{}
	defer func() { <-d.queue }()
	d.reading.close()
	if d.conn != nil {
		d.prepared.close()
		_ = d.conn.Close()
		d.conn = nil
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

// preparer is a connection or a pool of them.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// keptStatements bounds how many statements stay prepared; there are about a
// hundred, so reaching it means that somebody makes them up.
const keptStatements = 512

// statements runs statements, each prepared once.
type statements struct {
	on   preparer
	mu   sync.RWMutex
	kept map[string]*sql.Stmt
}

func newStatements(on preparer) *statements {
	return &statements{on: on, kept: map[string]*sql.Stmt{}}
}

func (s *statements) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt := s.kept[text]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.kept[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.on.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	if len(s.kept) < keptStatements {
		s.kept[text] = stmt
	}
	return stmt, nil
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.kept {
		_ = stmt.Close()
	}
	clear(s.kept)
}

func (s *statements) run(ctx context.Context, all []sqlstore.Statement) error {
	for _, statement := range all {
		stmt, err := s.prepare(ctx, statement.SQL)
		if err != nil {
			return err
		}
		if err := runOne(ctx, stmt, statement); err != nil {
			return err
		}
	}
	return nil
}

func runOne(ctx context.Context, stmt *sql.Stmt, s sqlstore.Statement) error {
	if s.Row == nil {
		result, err := stmt.ExecContext(ctx, s.Args...)
		if err != nil || s.Done == nil {
			return err
		}
		changed, err := result.RowsAffected()
		if err != nil {
			return err
		}
		return s.Done(changed)
	}
	rows, err := stmt.QueryContext(ctx, s.Args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := s.Row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// fault sorts the errors of the database; those of callbacks pass.
func fault(err error) error {
	var failed *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrConnDone), errors.Is(err, driver.ErrBadConn):
		return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	case !errors.As(err, &failed):
		return err
	}
	switch failed.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fmt.Errorf("%w: %w", es.ErrConflict, err)
	}
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM:
		return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	return err
}
