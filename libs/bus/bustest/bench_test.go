package bustest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/bus/embedded"
	"github.com/tidegate-io/tidegate/libs/es"
)

// memory is a feed without a database, so that the bus alone is measured.
type memory struct {
	mu      sync.Mutex
	records []es.Record
	changed chan struct{}
}

func newMemory() *memory { return &memory{changed: make(chan struct{})} }

func (m *memory) add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		position := int64(len(m.records) + 1)
		e := events.Envelope{
			ID: events.NewID(time.Now()), Type: "consumer.registered", Schema: 1, Source: "/tidegate/default/consumer",
			Stream: "consumer-c", Version: position, Position: position, Time: time.Now(), Actor: "alice",
			Data: []byte(`{"consumer_id":"c","team":"payments","name":"A consumer with a name","labels":{"custom_id":"4711","region":"north"}}`),
		}
		body, err := events.Encode(e)
		if err != nil {
			panic(err)
		}
		m.records = append(m.records, es.Record{Position: position, ID: e.ID, Type: e.Type, Body: body})
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) Since(_ context.Context, position int64, limit int) ([]es.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := m.records[min(int(position), len(m.records)):]
	return rest[:min(limit, len(rest))], nil
}

func (m *memory) MaterialSince(context.Context, int64, int) ([]es.MaterialRecord, error) {
	return nil, nil
}

func (m *memory) Head(context.Context) (es.Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return es.Head{Epoch: "e", Position: int64(len(m.records))}, nil
}

func (m *memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *memory) Rebase(context.Context, string, []es.Record, []string) (es.Head, error) {
	return es.Head{}, fmt.Errorf("not here")
}

func embeddedServer(b *testing.B) (*bus.Conn, jetstream.JetStream) {
	b.Helper()
	server, err := embedded.Start(b.Context(), embedded.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Shutdown)
	conn, err := bus.Connect(b.Context(), bus.Config{InProcess: server.Conn()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	user, password := server.UserInfo()
	nc, err := nats.Connect("", nats.InProcessServer(server), nats.UserInfo(user, password), nats.CustomInboxPrefix("_INBOX_bare"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	bare, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2048))
	if err != nil {
		b.Fatal(err)
	}
	return conn, bare
}

// sample is an event as big as the relay's.
func sample() []byte {
	m := newMemory()
	m.add(1)
	return m.records[0].Body
}

// BenchmarkRelay is how many events a second one relay publishes, against bare
// asynchronous publishes of the same bytes on the same server.
func BenchmarkRelay(b *testing.B) {
	b.Run("relay", func(b *testing.B) {
		conn, _ := embeddedServer(b)
		feed := newMemory()
		feed.add(b.N)
		relay := bus.NewRelay(conn, "consumer", feed)
		b.ResetTimer()
		run(b, relay.Run)
		for relay.Status().Published < int64(b.N) {
			time.Sleep(time.Millisecond)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("bare", func(b *testing.B) {
		_, bare := embeddedServer(b)
		if _, err := bare.CreateStream(b.Context(), jetstream.StreamConfig{Name: "BARE", Subjects: []string{"bare"}}); err != nil {
			b.Fatal(err)
		}
		body := sample()
		b.ResetTimer()
		for range b.N {
			if _, err := bare.PublishAsync("bare", body, jetstream.WithStallWait(time.Minute)); err != nil {
				b.Fatal(err)
			}
		}
		<-bare.PublishAsyncComplete()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

// BenchmarkReplay is how many events a second a sink is given, against a bare
// ordered consumer with the same pull size.
func BenchmarkReplay(b *testing.B) {
	conn, bare := embeddedServer(b)
	feed := newMemory()
	n := max(b.N, 200_000)
	feed.add(n)
	relay := bus.NewRelay(conn, "consumer", feed)
	stop := run(b, relay.Run)
	for relay.Status().Published < int64(n) {
		time.Sleep(time.Millisecond)
	}
	stop()
	b.Run("replay", func(b *testing.B) {
		for range b.N {
			sink := &counter{want: int64(n), done: make(chan struct{})}
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); _ = conn.Replay(ctx, "consumer", es.Cursor{}, sink) }()
			<-sink.done
			cancel()
			<-ended
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("bare", func(b *testing.B) {
		for range b.N {
			consumer, err := bare.OrderedConsumer(b.Context(), bus.Stream("consumer"), jetstream.OrderedConsumerConfig{})
			if err != nil {
				b.Fatal(err)
			}
			var count atomic.Int64
			done := make(chan struct{})
			consuming, err := consumer.Consume(func(jetstream.Msg) {
				if count.Add(1) == int64(n) {
					close(done)
				}
			}, jetstream.PullMaxMessages(10_000))
			if err != nil {
				b.Fatal(err)
			}
			<-done
			consuming.Stop()
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

type counter struct {
	want int64
	done chan struct{}
	each func(bus.Message)
}

func (c *counter) Deliver(_ context.Context, batch []bus.Message) error {
	if c.each != nil {
		for _, m := range batch {
			c.each(m)
		}
	}
	if batch[len(batch)-1].Position == c.want {
		close(c.done)
	}
	return nil
}
func (c *counter) Reset(context.Context, string) error { return nil }
func (c *counter) Tail(context.Context, int64)         {}

// BenchmarkLatency is the time from a commit's signal to the sink, one event at
// a time, against a bare synchronous publish to the callback of an ordered
// consumer.
func BenchmarkLatency(b *testing.B) {
	b.Run("relay", func(b *testing.B) {
		conn, _ := embeddedServer(b)
		feed := newMemory()
		run(b, bus.NewRelay(conn, "consumer", feed).Run)
		arrived := make(chan struct{})
		sink := &counter{each: func(bus.Message) { arrived <- struct{}{} }}
		run(b, func(ctx context.Context) error { return conn.Replay(ctx, "consumer", es.Cursor{}, sink) })
		feed.add(1)
		<-arrived
		measure(b, func() {
			feed.add(1)
			<-arrived
		})
	})
	b.Run("bare", func(b *testing.B) { measure(b, bustest.Bare(b, sample())) })
}

func measure(b *testing.B, once func()) {
	b.Helper()
	taken := make([]time.Duration, b.N)
	b.ResetTimer()
	for i := range b.N {
		began := time.Now()
		once()
		taken[i] = time.Since(began)
	}
	b.StopTimer()
	slices.Sort(taken)
	b.ReportMetric(float64(taken[len(taken)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(taken[len(taken)*99/100].Microseconds()), "p99-µs")
}
