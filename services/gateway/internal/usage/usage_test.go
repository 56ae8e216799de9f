package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/bus"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// office takes reports as the credential service does: each once.
type office struct {
	mu      sync.Mutex
	cursors map[string]int64
	counts  map[string]int64
	last    map[string]time.Time
	batches int
	away    bool
	mute    bool // it takes them, and is not heard
}

func newOffice() *office {
	return &office{cursors: map[string]int64{}, counts: map[string]int64{}, last: map[string]time.Time{}}
}

func (o *office) report(_ context.Context, b bus.UsageBatch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away {
		return bus.ErrUnreachable
	}
	if who := b.Gateway + "/" + b.Boot; o.cursors[who] < b.Sequence {
		o.cursors[who] = b.Sequence
		o.batches++
		for _, u := range b.Uses {
			o.counts[u.Credential] += u.Count
			if u.Last.After(o.last[u.Credential]) {
				o.last[u.Credential] = u.Last
			}
		}
	}
	if o.mute {
		return bus.ErrUnreachable
	}
	return nil
}

func (o *office) set(away, mute bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away, o.mute = away, mute
}

func (o *office) total() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum := int64(0)
	for _, n := range o.counts {
		sum += n
	}
	return sum
}

func newReporter(t testing.TB, o *office, path string) *Reporter {
	t.Helper()
	return New(Config{
		Gateway: "gw_1", Counter: NewCounter(), Report: o.report, Path: path, Log: slog.New(slog.DiscardHandler), Every: 20 * time.Millisecond,
	})
}

func note(c *Counter, id string, at time.Time, times int) {
	for range times {
		c.Note(&id, at)
	}
}

func TestCallsAreCountedByCredential(t *testing.T) {
	o := newOffice()
	r := newReporter(t, o, filepath.Join(t.TempDir(), "usage"))
	note(r.cfg.Counter, "a", noon, 3)
	note(r.cfg.Counter, "b", noon.Add(time.Second), 1)
	note(r.cfg.Counter, "a", noon.Add(-time.Hour), 1) // a clock that was set back
	if !r.flush(t.Context()) {
		t.Fatal("not all was acknowledged")
	}
	note(r.cfg.Counter, string([]byte("a")), noon.Add(2*time.Second), 1) // the same id elsewhere in memory
	for range 2 {
		if !r.flush(t.Context()) {
			t.Fatal("not all was acknowledged")
		}
	}
	if want := map[string]int64{"a": 5, "b": 1}; !maps.Equal(o.counts, want) || o.batches != 2 {
		t.Errorf("in %d batches %v", o.batches, o.counts)
	}
	if !o.last["a"].Equal(noon.Add(2*time.Second)) || !o.last["b"].Equal(noon.Add(time.Second)) {
		t.Errorf("last %v", o.last)
	}
	var nobody *Counter
	note(nobody, "a", noon, 1)
}

func TestNothingIsLostWhileTheTableIsReplaced(t *testing.T) {
	o := newOffice()
	r := newReporter(t, o, filepath.Join(t.TempDir(), "usage"))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	const workers, each = 4, 60_000
	var noting sync.WaitGroup
	for w := range workers {
		noting.Go(func() {
			for i := range each {
				id := "cred_" + strconv.Itoa((i*7+w)%50_000)
				r.cfg.Counter.Note(&id, noon)
				if i%5_000 == 0 { // let it be emptied: what does not fit is another test's
					time.Sleep(30 * time.Millisecond)
				}
			}
		})
	}
	noting.Wait()
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := o.total() + r.cfg.Counter.Dropped(); got != workers*each {
		t.Errorf("%d of %d calls are accounted for", got, workers*each)
	}
	if dropped := r.cfg.Counter.Dropped(); dropped != 0 {
		t.Errorf("%d were dropped", dropped)
	}
}

func TestWhatDoesNotFitIsDroppedAndTheDropsAreCounted(t *testing.T) {
	o := newOffice()
	r := newReporter(t, o, filepath.Join(t.TempDir(), "usage"))
	const all = tableSize + 10_000
	for i := range all {
		note(r.cfg.Counter, fmt.Sprint("cred_", i), noon, 1)
	}
	select {
	case <-r.cfg.Counter.full:
	default:
		t.Error("a table that fills does not say so")
	}
	if !r.flush(t.Context()) {
		t.Fatal("not all was acknowledged")
	}
	dropped := r.cfg.Counter.Dropped()
	if dropped < 10_000 || o.total()+dropped != all {
		t.Errorf("%d were counted, %d dropped of %d", o.total(), dropped, all)
	}
	note(r.cfg.Counter, "another", noon, 1)
	if !r.flush(t.Context()) || o.counts["another"] != 1 {
		t.Error("the next table does not count")
	}
}

func TestAnOutageLosesNothing(t *testing.T) {
	o, path := newOffice(), filepath.Join(t.TempDir(), "usage")
	r := newReporter(t, o, path)
	ids := make([]string, 2*bus.MaxUses+1)
	for i := range ids {
		ids[i] = fmt.Sprint("cred_", i)
	}
	all := func() {
		for _, id := range ids {
			note(r.cfg.Counter, id, noon, 1)
		}
	}
	o.set(false, true) // taken, but the acknowledgement is lost
	all()
	for range 3 {
		if r.flush(t.Context()) {
			t.Fatal("it was acknowledged")
		}
	}
	o.set(true, false)
	for range 5 {
		all()
		r.flush(t.Context())
	}
	if len(r.waiting) > len(ids) {
		t.Errorf("%d credentials wait, of %d", len(r.waiting), len(ids))
	}
	o.set(false, false)
	if !r.flush(t.Context()) {
		t.Fatal("it was not acknowledged")
	}
	if want := int64(6 * len(ids)); o.total() != want {
		t.Errorf("%d calls were counted of %d", o.total(), want)
	}
	if slices.Max(slices.Collect(maps.Values(o.counts))) != 6 {
		t.Error("some were counted twice")
	}
}

func TestAProcessGoesOnWithWhatTheOneBeforeCouldNotReport(t *testing.T) {
	for name, mute := range map[string]bool{"nothing had come": false, "one batch had come, unheard": true} {
		t.Run(name, func(t *testing.T) {
			o, path := newOffice(), filepath.Join(t.TempDir(), "usage")
			first := newReporter(t, o, path)
			for i := range bus.MaxUses + 500 {
				note(first.cfg.Counter, fmt.Sprint("cred_", i), noon, 2)
			}
			o.set(!mute, mute)
			ctx, stop := context.WithCancel(t.Context())
			stop()
			_ = first.Run(ctx)

			second := newReporter(t, o, path) // killed before it reports
			note(second.cfg.Counter, "cred_1", noon.Add(time.Minute), 1)
			second.flush(t.Context())
			second.keep()

			o.set(false, false)
			third := newReporter(t, o, path)
			if !third.flush(t.Context()) {
				t.Fatal("it was not acknowledged")
			}
			if want := int64(2*(bus.MaxUses+500) + 1); o.total() != want || o.counts["cred_1"] != 3 {
				t.Errorf("%d calls were counted of %d, %d of cred_1", o.total(), want, o.counts["cred_1"])
			}
			if fourth := newReporter(t, o, path); !fourth.flush(t.Context()) || fourth.sequence != 0 || fourth.kept {
				t.Error("what was reported is still on disk")
			}
		})
	}
}

func TestWhatNobodyTakesIsDropped(t *testing.T) {
	o := newOffice()
	r := newReporter(t, o, filepath.Join(t.TempDir(), "usage"))
	r.cfg.Report = func(context.Context, bus.UsageBatch) error { return bus.ErrBadUsage }
	note(r.cfg.Counter, "a", noon, 4)
	if !r.flush(t.Context()) || r.dropped.Load() != 4 {
		t.Errorf("%d calls were dropped", r.dropped.Load())
	}
}

func TestNoMoreCredentialsWaitThanTheBound(t *testing.T) {
	o := newOffice()
	r := newReporter(t, o, filepath.Join(t.TempDir(), "usage"))
	for i := range maxWaiting + 5 {
		r.add(strconv.Itoa(i), 2, 1)
	}
	r.add("1", 1, 1) // one that waits already has its place
	if len(r.waiting) != maxWaiting || r.dropped.Load() != 10 || r.waiting["1"].count != 3 {
		t.Errorf("%d wait, %d calls were dropped", len(r.waiting), r.dropped.Load())
	}
}

func TestNotingAllocatesNothing(t *testing.T) {
	c, id := NewCounter(), "cred_01m80abz2dfz9t0d1k3v7xq5rj"
	if n := testing.AllocsPerRun(1000, func() { c.Note(&id, noon) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func ids(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("cred_%026d", i)
	}
	return all
}

func BenchmarkNote(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		all := ids(n)
		b.Run(fmt.Sprint("credentials=", n), func(b *testing.B) {
			c := NewCounter()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c.Note(&all[i%n], noon)
				i++
			}
		})
		b.Run(fmt.Sprint("parallel/credentials=", n), func(b *testing.B) {
			c := NewCounter()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i += 7 {
					c.Note(&all[i%n], noon)
				}
			})
		})
	}
}
