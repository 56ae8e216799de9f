// Package sqlitestore keeps a service's events, views and everything else of
// the store port in one SQLite file.
//
// One connection writes and a few read (WAL); a commit is on disk when it is
// answered (synchronous=FULL), and deleted bytes are overwritten
// (secure_delete) and leave the write-ahead log within 15 s, as a rule. Several Store values, also of several processes, may open
// one file: writers wait for one another up to five seconds. The file must not
// be on a network file system.
package sqlitestore

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/internal/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Option changes how a store is opened.
type Option func(*options)

type options struct {
	now  func() time.Time
	tidy time.Duration
}

// WithClock has the store take its time from now, for tests.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithTidying sets how often the write-ahead log is emptied, for tests.
func WithTidying(every time.Duration) Option { return func(o *options) { o.tidy = every } }

// Open opens the file of one service, and makes it when it is not there. It
// brings the tables up to date and catches every view up before it answers.
func Open(ctx context.Context, path string, schema es.Schema, opts ...Option) (es.Store, error) {
	o := options{tidy: tidyEvery}
	for _, opt := range opts {
		opt(&o)
	}
	// Made here, so that none but the owner can ever read it; SQLite gives its
	// companions the same mode.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := migrate(ctx, db); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, firstError(err, db.Close()))
	}
	store, err := sqlstore.Open(ctx, db, dialect, schema, o.now)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, firstError(err, db.Close()))
	}
	db.tidying.Add(1)
	go db.tidy(o.tidy)
	return store, nil
}

func firstError(err, _ error) error { return err }

// migrate brings the tables up to date. SQLite has no advisory lock: of two
// processes that migrate at once, one fails as a whole and then finds the work
// done.
func migrate(ctx context.Context, db *database) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db.write, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for attempt := 1; ; attempt++ {
		_, err = provider.Up(ctx)
		if err == nil || attempt == 5 || ctx.Err() != nil {
			break
		}
		select {
		case <-time.After(time.Duration(attempt) * 50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
