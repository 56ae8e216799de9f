package distributed_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
)

// history is every event that there is, by service and in order, once each
// stream was found to be what SQL holds: every event at its position, none twice,
// none missing.
func (s *topology) history(t testing.TB) history {
	t.Helper()
	all := history{}
	for _, service := range up.Services() {
		if len(service.Writes) == 0 {
			continue
		}
		sql, material := s.stored(t, service)
		s.compare(t, service.Name, sql)
		if service.Name == bus.MaterialOwner {
			s.compareMaterial(t, material)
		}
		seen := map[string]bool{}
		for i, record := range sql {
			e, err := events.Decode(record.Body)
			if err != nil || e.Position != record.Position || record.Position != int64(i+1) || seen[record.ID] {
				t.Fatalf("%s has %s at %d of SQL, which is event %d: %v", service.Name, record.ID, record.Position, i+1, err)
			}
			seen[record.ID] = true
			all[service.Name] = append(all[service.Name], e)
		}
	}
	return all
}

// stored reads a service's events from SQL, and the newest material of each key.
func (s *topology) stored(t testing.TB, service app.Service) (all []es.Record, material map[string]string) {
	t.Helper()
	store, err := app.OpenStore(t.Context(), app.Config{DatabaseURL: s.database, Namespace: "default"}, service)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	material = map[string]string{}
	for position := int64(0); ; {
		page, err := store.MaterialSince(t.Context(), position, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, record := range page {
			material[record.Key], position = string(record.Sealed), record.Position
		}
	}
	for {
		page, err := store.Since(t.Context(), int64(len(all)), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all, material
		}
		all = append(all, page...)
	}
}

// compare reads a service's stream as an outside reader of events does, and
// fails the test unless it comes to hold what SQL holds.
func (s *topology) compare(t testing.TB, service string, sql []es.Record) {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.Config{URL: s.nats.URL("reader"), Name: "reader", External: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, stop := context.WithCancel(t.Context())
	read, got := sync.WaitGroup{}, &stream{}
	read.Go(func() { _ = conn.Replay(ctx, service, es.Cursor{}, got) })
	defer read.Wait()
	defer stop()
	eventually(t, fmt.Sprintf("the stream of %s has the %d events of SQL", service, len(sql)), func() error {
		if bodies := got.read(); len(bodies) < len(sql) {
			return fmt.Errorf("it has %d", len(bodies))
		}
		return nil
	})
	same := func(body []byte, record es.Record) bool { return bytes.Equal(body, record.Body) }
	if bodies := got.read(); !slices.EqualFunc(bodies, sql, same) {
		t.Fatalf("the stream of %s has %d events and not those %d of SQL", service, len(bodies), len(sql))
	}
}

// compareMaterial reads the stream of material as a gateway does, and fails the
// test unless it comes to hold what SQL holds.
func (s *topology) compareMaterial(t testing.TB, sql map[string]string) {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.Config{URL: s.nats.URL("gateway"), Name: "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, stop := context.WithCancel(t.Context())
	read, got := sync.WaitGroup{}, &sealed{keys: map[string]string{}}
	read.Go(func() { _ = conn.ReplayMaterial(ctx, got) })
	defer read.Wait()
	defer stop()
	eventually(t, "gateways are sent the material of SQL", func() error {
		got.mu.Lock()
		defer got.mu.Unlock()
		for key, want := range sql {
			if have, there := got.keys[key]; !there || have != want {
				return fmt.Errorf("%s is there: %t, and is as it should be: %t", key, there, have == want)
			}
		}
		if len(got.keys) != len(sql) {
			return fmt.Errorf("it is of %d keys, want %d", len(got.keys), len(sql))
		}
		return nil
	})
}

// sealed is what was read of the stream of material.
type sealed struct {
	mu   sync.Mutex
	keys map[string]string
}

func (*sealed) Cursor() bus.MaterialCursor { return bus.MaterialCursor{} }

func (m *sealed) Deliver(_ context.Context, batch []bus.MaterialMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, message := range batch {
		m.keys[message.Key] = string(message.Sealed)
	}
	return nil
}

func (m *sealed) Reset(context.Context, string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.keys)
	return nil
}

func (*sealed) Tail(context.Context, int64) {}

// stream is what was read of a stream.
type stream struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (s *stream) Deliver(_ context.Context, batch []bus.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range batch {
		if m.Position != int64(len(s.bodies)+1) {
			return fmt.Errorf("%d comes after %d", m.Position, len(s.bodies))
		}
		s.bodies = append(s.bodies, m.Body)
	}
	return nil
}

func (s *stream) Reset(context.Context, string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = nil
	return nil
}

func (*stream) Tail(context.Context, int64) {}

func (s *stream) read() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies)
}

// history is events by service.
type history map[string][]events.Envelope

// of answers the types of a stream's events, in order.
func (h history) of(service, aggregate string) (types []string) {
	for _, e := range h[service] {
		if e.Aggregate() == aggregate {
			types = append(types, e.Type)
		}
	}
	return types
}

// about answers the aggregates of a service that have an event whose data has a
// member of a value: those with the consumer_id of somebody.
func (h history) about(service, name, value string) (aggregates []string) {
	for _, e := range h[service] {
		if web.Member(e.Data, name) == value && !slices.Contains(aggregates, e.Aggregate()) {
			aggregates = append(aggregates, e.Aggregate())
		}
	}
	return aggregates
}
