package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/pgstore"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
)

// OpenStore opens the store of one service as Run does, for operations that are
// done while the service is stopped.
func OpenStore(ctx context.Context, cfg Config, s Service) (es.Store, error) {
	schema := es.Schema{
		Service: s.Name, Namespace: cfg.Namespace, Registry: Registry(), Views: s.Views, References: s.References,
	}
	clock := cfg.Wiring.Clock
	if clock == nil {
		clock = time.Now
	}
	if cfg.DatabaseURL != "" {
		return pgstore.Open(ctx, cfg.DatabaseURL, schema, pgstore.WithClock(clock))
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	return sqlitestore.Open(ctx, filepath.Join(cfg.DataDir, s.Name+".db"), schema, sqlitestore.WithClock(clock))
}

// patience is how long a service waits for its database at start.
const patience = 30 * time.Second

// openStore opens the service's own database. One that cannot be reached yet is
// waited for.
func (p *process) openStore(ctx context.Context, part *part) error {
	s, log := part.service, part.deps.Log
	if !s.stored() {
		return nil
	}
	began := time.Now()
	store, err := OpenStore(ctx, p.cfg, s)
	for errors.Is(err, es.ErrUnavailable) && time.Since(began) < patience {
		log.WarnContext(ctx, "the database cannot be reached yet", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		store, err = OpenStore(ctx, p.cfg, s)
	}
	if err != nil {
		return fmt.Errorf("open its store: %w", err)
	}
	p.closers = append(p.closers, store.Close)
	part.deps.Store = store
	p.health.Require(s.Name+" store", func(ctx context.Context) error {
		_, err := store.Head(ctx)
		return err
	})
	return nil
}
