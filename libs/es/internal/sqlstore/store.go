package sqlstore

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Store is the store port on a Database.
//
//  1. Open makes the tables of views that are new and catches every view up.
//  2. Each append is one transaction, serialised by the head row.
//  3. A read checks its view against the head, so that a view which another
//     release left behind is caught up before it is read.
//  4. Close waits for the sweep of old answers and closes the database.
type Store struct {
	reader
	db      Database
	dialect Dialect
	schema  es.Schema
	views   []*view
	shapes  map[string]string // source: how its references are folded
	sources map[string]string // kind: its source
	now     func() time.Time
	fault   func(Step) error

	mu      sync.Mutex
	changed chan struct{}

	sweeping  sync.WaitGroup
	nextSweep atomic.Int64 // unix microseconds
	undecoded sync.Map     // view id: position of an event that this release cannot read
}

var _ es.Store = (*Store)(nil)

// names are what a view or a kind may be called: they become parts of table
// names, which Postgres cuts at 63 bytes.
var names = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// Open makes a migrated database a store. now may be nil.
func Open(ctx context.Context, db Database, dialect Dialect, schema es.Schema, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	s := &Store{
		db: db, dialect: dialect, schema: schema, now: now,
		shapes: map[string]string{}, sources: map[string]string{},
		changed: make(chan struct{}),
	}
	s.reader = reader{store: s, run: db}
	for _, v := range schema.Views {
		if !names.MatchString(v.Name) || v.Version < 1 || slices.ContainsFunc(s.views, func(o *view) bool { return o.Name == v.Name }) {
			return nil, fmt.Errorf("open store of %s: view %q version %d: wants a name of its own in [a-z0-9_-] and a version from 1", schema.Service, v.Name, v.Version)
		}
		s.views = append(s.views, newView(v, dialect))
	}
	kinds := map[string][]string{}
	for _, r := range schema.References {
		if _, twice := s.sources[r.Kind]; twice || r.Source == "" {
			return nil, fmt.Errorf("open store of %s: reference %q: wants a kind of its own and a source", schema.Service, r.Kind)
		}
		s.sources[r.Kind] = r.Source
		kinds[r.Source] = append(kinds[r.Source], r.Kind+"."+strconv.Itoa(r.Version))
	}
	for source, folded := range kinds {
		slices.Sort(folded)
		s.shapes[source] = es.FactsSubscriber + ":" + strings.Join(folded, ",")
	}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("open store of %s: %w", schema.Service, err)
	}
	return s, nil
}

// prepare makes what this release needs beside the migrated tables.
func (s *Store) prepare(ctx context.Context) error {
	err := s.db.Transact(ctx, func(tx Runner) error {
		err := tx.Run(ctx, Statement{
			SQL:  `INSERT INTO head (id, epoch, position, material, time) VALUES (1, $1, 0, 0, 0) ON CONFLICT (id) DO NOTHING`,
			Args: []any{events.NewID(s.now())},
		})
		if err != nil {
			return err
		}
		return s.ensureViews(ctx, tx)
	})
	if err != nil {
		return err
	}
	return s.catchUpAll(ctx)
}

// Changed implements es.Feed.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Store) broadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Close implements io.Closer.
func (s *Store) Close() error {
	s.nextSweep.Store(1<<63 - 1)
	s.sweeping.Wait()
	return s.db.Close()
}
