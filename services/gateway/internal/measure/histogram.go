package measure

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Histogram counts durations by how long they were. It takes any number of
// writers and readers at a time. A reader may see one that is half counted: its
// bucket, and not yet its sum.
type Histogram struct {
	bounds  []time.Duration // upper, in order
	buckets []atomic.Uint64 // one more than bounds
	sum     atomic.Int64    // in nanoseconds
}

// NewHistogram makes a histogram over upper bounds, which are in order.
func NewHistogram(bounds []time.Duration) *Histogram {
	return &Histogram{bounds: bounds, buckets: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(h.bounds) && d > h.bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// metric answers the histogram as it stands.
func (h *Histogram) metric(desc *prometheus.Desc, labels ...string) prometheus.Metric {
	cumulative, total := make(map[float64]uint64, len(h.bounds)), uint64(0)
	for i, bound := range h.bounds {
		total += h.buckets[i].Load()
		cumulative[bound.Seconds()] = total
	}
	total += h.buckets[len(h.bounds)].Load()
	return prometheus.MustNewConstHistogram(desc, total, time.Duration(h.sum.Load()).Seconds(), cumulative, labels...)
}

// calls are the bounds of what clients wait for, own those of what the gateway
// itself takes.
var (
	calls = []time.Duration{
		500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
		50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	}
	own = []time.Duration{
		250, 500, time.Microsecond, 2500, 5 * time.Microsecond, 10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond,
		100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, time.Second,
	}
)
