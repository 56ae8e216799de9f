// Package pgstore keeps a service's events, views and everything else of the
// store port in one Postgres schema, named after the service.
//
// Any number of replicas may use one schema. Appends are serialised by the head
// row, across replicas; reads take no lock. A database that is down is answered
// with es.ErrUnavailable within about two seconds (five, when it accepts
// connections and then says nothing), and used again as soon as it is back. A
// connection that is lost during COMMIT leaves the outcome unknown: that is
// es.ErrUnavailable too, and the caller may not assume either.
package pgstore

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/internal/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Option changes how a store is opened.
type Option func(*options)

type options struct{ now func() time.Time }

// WithClock has the store take its time from now, for tests.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// Open opens the schema of one service in the database that a URL names, and
// makes it when it is not there. It brings the tables up to date and catches
// every view up before it answers. The URL may carry pgx's pool settings, such
// as pool_max_conns (8 unless said).
func Open(ctx context.Context, url string, schema es.Schema, opts ...Option) (es.Store, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	cfg, err := configure(url, schema.Service)
	if err != nil {
		return nil, fmt.Errorf("open store of %s: %w", schema.Service, err)
	}
	if err := migrate(ctx, cfg.ConnConfig, schema.Service); err != nil {
		return nil, fmt.Errorf("open store of %s: migrate: %w", schema.Service, err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open store of %s: %w", schema.Service, err)
	}
	if err := otelpgx.RecordStats(pool); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open store of %s: %w", schema.Service, err)
	}
	store, err := sqlstore.Open(ctx, newDatabase(pool), dialect, schema, o.now)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return store, nil
}

// The bounds of a connection, beside those of the URL.
const (
	maxConns       = 8 // a replica
	connectTimeout = 2 * time.Second
)

func configure(url, service string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	if given, err := pgx.ParseConfig(url); err == nil && given.RuntimeParams["pool_max_conns"] == "" {
		cfg.MaxConns = maxConns
	}
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	cfg.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithDisableAcquireTracer())
	params := cfg.ConnConfig.RuntimeParams
	params["search_path"] = pgx.Identifier{service}.Sanitize()
	if params["application_name"] == "" {
		params["application_name"] = "tidegate-" + service
	}
	// A replica that stops in the middle of an append must not hold the head row.
	params["idle_in_transaction_session_timeout"] = "10000"
	params["lock_timeout"] = "4000"
	return cfg, nil
}

// migrate brings the tables up to date. Replicas that start at once do it one
// after the other, under an advisory lock that ends with its connection.
func migrate(ctx context.Context, cfg *pgx.ConnConfig, service string) error {
	cfg = cfg.Copy()
	delete(cfg.RuntimeParams, "lock_timeout")
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtextextended($1, 0))`, "tidegate/"+service); err != nil {
		return fault(conn, err)
	}
	if _, err := conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+pgx.Identifier{service}.Sanitize()); err != nil {
		return fault(conn, err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
