// Package storetest is the specification of es.Store, as tests: an adapter that
// passes Run is a store. Its own test is ten lines.
//
// The suite opens one database several times at once, as replicas do, and opens
// it in child processes that are killed. It promises nothing about speed; see
// Benchmark for that.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/internal/sqlstore"
)

// Adapter is what the suite tests.
type Adapter struct {
	// New answers the address of an empty database of the test's own. It must
	// hold in other processes.
	New func(t testing.TB) (address string)
	// Open opens a database, as one more replica of its service, with a clock.
	Open func(ctx context.Context, address string, schema es.Schema, now func() time.Time) (es.Store, error)
	// Cut ends every connection to a database. Nil: there are none, since the
	// database runs within the process.
	Cut func(ctx context.Context, address string) error
}

// Breakable is what a store offers to tests that break it in the middle of an
// append. Every adapter does.
type Breakable interface {
	InjectFault(func(sqlstore.Step) error)
}

// Run tests an adapter. It starts the test binary again, with the calling test
// alone, for those processes that are to be killed.
func Run(t *testing.T, a Adapter) {
	if order, ok := childOrder(t); ok {
		obey(t, a, order)
		return
	}
	for _, part := range []struct {
		name string
		test func(t *testing.T, a Adapter)
	}{
		{"Streams", testStreams},
		{"Claims", testClaims},
		{"Requirements", testRequirements},
		{"The inbox", testInbox},
		{"Idempotency", testIdempotency},
		{"Answers", testAnswers},
		{"Material", testMaterial},
		{"Views", testViews},
		{"Finding", testFinding},
		{"Foreign facts", testForeign},
		{"Facts of documents", testRanks},
		{"The feed", testFeed},
		{"Releases", testReleases},
		{"Rebasing", testRebase},
		{"Faults", testFaults},
		{"Crashes", testCrashes},
		{"Properties", testProperties},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, a) })
	}
}

// world is one database and a clock that its replicas share.
type world struct {
	*testing.T
	adapter Adapter
	address string
	clock   *clock
}

func newWorld(t *testing.T, a Adapter) *world {
	t.Helper()
	return &world{T: t, adapter: a, address: a.New(t), clock: &clock{}}
}

// open opens one more replica, until the test ends.
func (w *world) open(schema es.Schema) *store {
	w.Helper()
	s, err := w.adapter.Open(w.Context(), w.address, schema, w.clock.now)
	if err != nil {
		w.Fatalf("open: %v", err)
	}
	w.Cleanup(func() { _ = s.Close() })
	return &store{Store: s, t: w.T, schema: schema}
}

// one opens a database with a single replica.
func one(t *testing.T, a Adapter) *store {
	t.Helper()
	return newWorld(t, a).open(Schema())
}

// store is a Store that speaks for a test.
type store struct {
	es.Store
	t      *testing.T
	schema es.Schema
}

// batch makes a batch of payloads for a thing.
func (s *store) batch(id string, expect es.Expect, payloads ...events.Data) es.Batch {
	return batchOf(s.schema, id, expect, payloads...)
}

func batchOf(schema es.Schema, id string, expect es.Expect, payloads ...events.Data) es.Batch {
	b := es.Batch{Stream: "thing-" + id, Expect: expect}
	for _, data := range payloads {
		raw, number, err := schema.Registry.Encode(data)
		if err != nil {
			panic(err) // the suite's own payloads are registered
		}
		b.Events = append(b.Events, events.Envelope{
			ID: events.NewID(time.Now()), Type: data.EventType(), Schema: number, Actor: "ann", Data: raw,
		})
	}
	return b
}

// append appends and must succeed.
func (s *store) append(b es.Batch) es.Commit {
	s.t.Helper()
	c, err := s.Append(s.t.Context(), b)
	if err != nil {
		s.t.Fatalf("append: %v", err)
	}
	return c
}

// put appends payloads to a thing, whatever its version.
func (s *store) put(id string, payloads ...events.Data) es.Commit {
	s.t.Helper()
	return s.append(s.batch(id, es.Any, payloads...))
}

// refused appends and must fail with want, changing nothing.
func (s *store) refused(want error, b es.Batch) {
	s.t.Helper()
	before := s.head()
	_, err := s.Append(s.t.Context(), b)
	mustBe(s.t, err, want)
	if after := s.head(); after != before {
		s.t.Errorf("a refused append moved the head from %+v to %+v", before, after)
	}
}

func (s *store) head() es.Head {
	s.t.Helper()
	h, err := s.Head(s.t.Context())
	if err != nil {
		s.t.Fatalf("head: %v", err)
	}
	return h
}

// thing answers a thing's document.
func (s *store) thing(id string) Thing {
	s.t.Helper()
	doc, err := es.Get[Thing](s.t.Context(), s, "things", id)
	if err != nil {
		s.t.Fatalf("get thing %s: %v", id, err)
	}
	return doc
}

// all answers every event of the feed.
func (s *store) all() []es.Record {
	s.t.Helper()
	records, err := s.Since(s.t.Context(), 0, 1_000_000)
	if err != nil {
		s.t.Fatalf("since: %v", err)
	}
	return records
}
