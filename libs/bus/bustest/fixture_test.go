package bustest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
)

var registry = events.MustRegistry(consumer.Events, credential.Events, catalog.Events, subscription.Events)

// service is a context with its SQL.
type service struct {
	t       testing.TB
	context string
	path    string
	store   es.Store
}

func newService(t testing.TB, context string) *service {
	t.Helper()
	s := &service{t: t, context: context, path: filepath.Join(t.TempDir(), context+".db")}
	s.store = s.open()
	return s
}

// open answers a Store value of its own on the service's SQL, as another replica
// has it.
func (s *service) open(references ...es.Reference) es.Store {
	s.t.Helper()
	store, err := sqlitestore.Open(context.Background(), s.path, es.Schema{Service: s.context, Registry: registry, References: references})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = store.Close() })
	return store
}

// backup answers a copy of the service's SQL.
func (s *service) backup() map[string][]byte {
	s.t.Helper()
	if err := s.store.Close(); err != nil {
		s.t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if body, err := os.ReadFile(s.path + suffix); err == nil {
			files[suffix] = body
		}
	}
	s.store = s.open()
	return files
}

// restore puts a copy back.
func (s *service) restore(files map[string][]byte) {
	s.t.Helper()
	if err := s.store.Close(); err != nil {
		s.t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(s.path + suffix)
		if body, ok := files[suffix]; ok {
			if err := os.WriteFile(s.path+suffix, body, 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	s.store = s.open()
}

func (s *service) head() es.Head {
	s.t.Helper()
	head, err := s.store.Head(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return head
}

// commit appends events, each to an aggregate of its own.
func (s *service) commit(n int) {
	s.t.Helper()
	for range n {
		id := events.NewID(time.Now())
		var data events.Data
		switch s.context {
		case "consumer":
			data = consumer.Registered{Concerns: events.Concerns{ConsumerID: id}, Name: "consumer " + id}
		case "credential":
			data = credential.Issued{Concerns: events.Concerns{CredentialID: id}, Name: "key", Type: "api_key", SecretVersion: 1}
		default:
			s.t.Fatalf("no events of %s", s.context)
		}
		s.append(s.store, id, data)
	}
}

func (s *service) append(store es.Store, id string, data events.Data, material ...es.Material) events.Envelope {
	s.t.Helper()
	commit, err := tryAppend(store, id, data, material...)
	if err != nil {
		s.t.Fatal(err)
	}
	return commit.Events[0]
}

func tryAppend(store es.Store, id string, data events.Data, material ...es.Material) (es.Commit, error) {
	raw, schema, err := registry.Encode(data)
	if err != nil {
		return es.Commit{}, err
	}
	return store.Append(context.Background(), es.Batch{
		Stream: events.Word(data.EventType()) + "-" + id, Expect: es.Any, Material: material,
		Events: []events.Envelope{{
			ID: events.NewID(time.Now()), Type: data.EventType(), Schema: schema, Actor: "test", Data: raw,
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
		}},
	})
}

func connect(t testing.TB, url string) *bus.Conn {
	t.Helper()
	var log *slog.Logger
	if os.Getenv("BUSTEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	c, err := bus.Connect(t.Context(), bus.Config{URL: url, Name: "bustest", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// relay runs a relay of the service until the test ends or stop is called.
func (s *service) relay(url string) (relay *bus.Relay, stop func()) {
	s.t.Helper()
	return s.relayOf(url, s.store)
}

func (s *service) relayOf(url string, store es.Store) (*bus.Relay, func()) {
	s.t.Helper()
	relay := bus.NewRelay(connect(s.t, url), s.context, store)
	return relay, run(s.t, relay.Run)
}

// run runs something until stop is called, or the test ends.
func run(t testing.TB, what func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := what(ctx); ctx.Err() == nil {
			t.Errorf("it ended by itself: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("in 30 s it did not come to this: %s", what)
}

// js is JetStream without the bus package in between.
func js(t testing.TB, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, nats.CustomInboxPrefix("_INBOX_bare"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	stream, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// sameAsSQL compares the stream, byte by byte, with SQL: the same events at the
// same positions, none lost, doubled or reordered, all of SQL's epoch.
func (s *service) sameAsSQL(url string) {
	s.t.Helper()
	bare := js(s.t, url)
	head := s.head()
	eventually(s.t, fmt.Sprintf("stream %s has %d messages", bus.Stream(s.context), head.Position), func() bool {
		found, err := bare.Stream(context.Background(), bus.Stream(s.context))
		return err == nil && found.CachedInfo().State.LastSeq >= uint64(head.Position) &&
			found.CachedInfo().Config.Metadata["tidegate-epoch"] == head.Epoch
	})
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = s.compare(bare); err == nil {
			return // a relay may have been about to mend it
		}
	}
	s.t.Fatal(err)
}

func (s *service) compare(bare jetstream.JetStream) error {
	ctx := context.Background()
	head := s.head()
	stream, err := bare.Stream(ctx, bus.Stream(s.context))
	if err != nil {
		return err
	}
	state := stream.CachedInfo().State
	if state.LastSeq != uint64(head.Position) || state.Msgs != state.LastSeq || state.NumDeleted != 0 || (state.Msgs > 0 && state.FirstSeq != 1) {
		return fmt.Errorf("stream has %d messages, %d to %d, %d deleted; SQL has %d", state.Msgs, state.FirstSeq, state.LastSeq, state.NumDeleted, head.Position)
	}
	ids := map[string]bool{}
	next := int64(1)
	return everyMessage(ctx, bare, bus.Stream(s.context), func(m jetstream.Msg) error {
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		records, err := s.store.Since(ctx, next-1, 1)
		if err != nil || len(records) != 1 {
			return fmt.Errorf("SQL has no %d: %w", next, err)
		}
		record := records[0]
		envelope, err := events.Decode(m.Data())
		switch id := m.Headers().Get("Nats-Msg-Id"); {
		case err != nil:
			return err
		case int64(meta.Sequence.Stream) != next || record.Position != next || envelope.Position != next:
			return fmt.Errorf("sequence %d, position %d in SQL, %d in the body", meta.Sequence.Stream, record.Position, envelope.Position)
		case id != record.ID || envelope.ID != id || ids[id]:
			return fmt.Errorf("position %d: id %s, SQL %s, seen before: %t", next, id, record.ID, ids[id])
		case !bytes.Equal(m.Data(), record.Body):
			return fmt.Errorf("position %d: stream and SQL have different bytes", next)
		case m.Headers().Get(bus.HeaderEpoch) != head.Epoch:
			return fmt.Errorf("position %d: epoch %q, SQL %q", next, m.Headers().Get(bus.HeaderEpoch), head.Epoch)
		case m.Subject() != events.Subject(record.Type):
			return fmt.Errorf("position %d: subject %q for %s", next, m.Subject(), record.Type)
		case m.Headers().Get("Content-Type") != events.ContentType || m.Headers().Get("traceparent") != envelope.TraceParent:
			return fmt.Errorf("position %d: headers %v", next, m.Headers())
		}
		ids[record.ID] = true
		next++
		return nil
	})
}

// everyMessage gives what a stream holds now, in order.
func everyMessage(ctx context.Context, bare jetstream.JetStream, name string, each func(jetstream.Msg) error) error {
	stream, err := bare.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("look at the stream: %w", err)
	}
	if stream.CachedInfo().State.Msgs == 0 {
		return nil
	}
	consumer, err := bare.CreateConsumer(ctx, name, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1})
	if err != nil {
		return fmt.Errorf("make a consumer: %w", err)
	}
	left := consumer.CachedInfo().NumPending
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1000), jetstream.PullExpiry(2*time.Second), jetstream.PullHeartbeat(500*time.Millisecond), jetstream.WithMessagesErrOnMissingHeartbeat(false))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for ; left > 0; left-- {
		m, err := messages.Next(jetstream.NextMaxWait(15 * time.Second))
		if err != nil {
			return fmt.Errorf("%d messages from the end: %w", left, err)
		}
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
}

// materialOf answers what the material stream says of every key; empty: erased.
// Fillers are no key's.
func materialOf(t testing.TB, url string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := everyMessage(context.Background(), js(t, url), bus.MaterialStream, func(m jetstream.Msg) error {
		if key := strings.TrimPrefix(m.Subject(), "tidegate.material."); key != "superseded" {
			all[key] = string(m.Data())
		}
		return nil
	})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatal(err)
	}
	return all
}
