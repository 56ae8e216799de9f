package bustest_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
)

// million is how many secrets a large organisation has.
const million = 1_000_000

// secrets is the material of many credentials, made when it is asked for.
type secrets struct {
	*memory
	n      int64
	erased atomic.Int64 // how many of the first were erased since, in order
}

func (s *secrets) Head(ctx context.Context) (es.Head, error) {
	head, err := s.memory.Head(ctx)
	head.Material = s.n + s.erased.Load()
	return head, err
}

func (s *secrets) MaterialSince(_ context.Context, position int64, limit int) (records []es.MaterialRecord, err error) {
	erased := s.erased.Load()
	for position++; position <= s.n+erased && len(records) < limit; position++ {
		switch {
		case position > s.n:
			records = append(records, es.MaterialRecord{Position: position, Key: keyOf(position - s.n)})
		case position > erased:
			records = append(records, es.MaterialRecord{Position: position, Key: keyOf(position), Sealed: sealedProof})
		}
	}
	return records, nil
}

func keyOf(n int64) string { return fmt.Sprintf("cred_%026d.1", n) }

var sealedProof = []byte(strings.Repeat("s", 180)) // as long as the sealed proof of a generated key

// reading counts material.
type reading struct{ got atomic.Int64 }

func (r *reading) Cursor() bus.MaterialCursor { return bus.MaterialCursor{} }
func (r *reading) Deliver(_ context.Context, batch []bus.MaterialMessage) error {
	r.got.Add(int64(len(batch)))
	return nil
}
func (r *reading) Reset(context.Context, string) error { return nil }
func (r *reading) Tail(context.Context, int64)         {}

// How long a server with the material of a million secrets takes to come back,
// how long a gateway that knows nothing takes to read it, and what one erasure
// takes then.
func BenchmarkMaterialOfAMillionSecrets(b *testing.B) {
	for b.Loop() {
		server := bustest.Prepare(b)
		server.Sync("2m")
		server.Restart()
		feed := &secrets{memory: newMemory(), n: million}
		conn := connect(b, server.URL())
		relay := bus.NewRelay(conn, "credential", feed)
		relayed := func(position int64) time.Duration {
			b.Helper()
			began := time.Now()
			for deadline := began.Add(10 * time.Minute); relay.Status().Material < position; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					b.Fatalf("material %d was not relayed, but %+v", position, relay.Status())
				}
			}
			return time.Since(began)
		}
		stop := run(b, relay.Run)
		b.ReportMetric(million/relayed(million).Seconds(), "published/s")

		time.Sleep(time.Second) // all is with the system, which outlives the process
		server.Kill()
		server.Sync("always")
		began := time.Now()
		server.Restart()
		stream, err := js(b, server.URL()).Stream(b.Context(), bus.MaterialStream)
		if err != nil || stream.CachedInfo().State.Msgs != million {
			b.Fatalf("the stream is not what it was: %v", err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "restart-s")
		b.ReportMetric(float64(resident(b, server.PID()))/(1<<20), "server-MB")

		sink := &reading{}
		began = time.Now()
		end := run(b, func(ctx context.Context) error { return conn.ReplayMaterial(ctx, sink) })
		for sink.got.Load() < million {
			time.Sleep(time.Millisecond)
		}
		b.ReportMetric(million/time.Since(began).Seconds(), "read/s")
		end()

		relayed(million)
		const erasures = 100
		began = time.Now()
		for range erasures {
			feed.erased.Add(1)
			feed.add(0) // tells of the change
			relayed(million + feed.erased.Load())
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/erasures/1000, "erase-ms")
		stop()
		server.Kill()
	}
}

// resident answers how many bytes of memory a process holds.
func resident(b *testing.B, pid int) int64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
