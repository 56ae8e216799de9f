package authn_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
)

func replay(n uint64) authn.ReplayKey {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	sum := sha256.Sum256(b[:])
	return authn.ReplayKey(sum[:16])
}

// A map that forgets nothing says what is right.
func TestReplaysRememberForTheirTime(t *testing.T) {
	r, until := authn.NewReplays(), map[authn.ReplayKey]time.Time{}
	random := rand.New(rand.NewPCG(1, 2))
	now := signedAt
	for range 300_000 {
		now = now.Add(time.Duration(random.IntN(3)) * time.Millisecond)
		key := replay(uint64(random.IntN(60_000)))
		window := time.Duration(1+random.IntN(20)) * time.Second
		want := !until[key].After(now)
		if got := r.Use(key, now, window); got != want {
			t.Fatalf("used %v, want %v", got, want)
		}
		if want {
			until[key] = now.Add(window)
		}
	}
	live := 0
	for _, end := range until {
		if end.After(now) {
			live++
		}
	}
	if n := r.Len(); n < live || n > live*3/2 {
		t.Errorf("%d are remembered, of which %d count", n, live)
	}
	if r.Refused() != 0 {
		t.Errorf("%d refused", r.Refused())
	}
	now = now.Add(time.Hour)
	for i := range 200_000 {
		r.Use(replay(uint64(1_000_000+i)), now.Add(time.Duration(i)*time.Millisecond), time.Second)
	}
	if n := r.Len(); n > 5000 {
		t.Errorf("of what is long over %d are there still", n)
	}
}

func TestWhenReplaysAreFullNothingThatCountsIsForgotten(t *testing.T) {
	r := authn.SmallReplays(1 << 10)
	var used []authn.ReplayKey
	for i := uint64(0); r.Refused() < 100; i++ {
		if key := replay(i); r.Use(key, signedAt, time.Minute) {
			used = append(used, key)
		}
	}
	if len(used) < 50_000 || len(used) > 64*1<<10/8*7 || r.Len() != len(used) {
		t.Errorf("full at %d, of which %d are there", len(used), r.Len())
	}
	for _, key := range used {
		if r.Use(key, signedAt.Add(time.Minute-time.Millisecond), time.Minute) {
			t.Fatal("a signature served twice")
		}
	}
	later := signedAt.Add(time.Minute)
	refused := r.Refused()
	for i := range uint64(10_000) {
		if !r.Use(replay(1<<40+i), later, time.Minute) {
			t.Fatal("there is no room when all are over")
		}
	}
	if r.Refused() != refused {
		t.Error("refused")
	}
}

func TestOfManyCallersAtOnceOneUsesAKey(t *testing.T) {
	r := authn.NewReplays()
	var passed atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for i := range uint64(5000) {
				if r.Use(replay(i), signedAt, time.Minute) {
					passed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if passed.Load() != 5000 {
		t.Errorf("%d passed of 5000", passed.Load())
	}
}

// BenchmarkReplays uses signatures as they come at a gateway that remembers a
// million of them.
func BenchmarkReplays(b *testing.B) {
	r := authn.NewReplays()
	const many = 1_000_000
	const window = many * time.Microsecond // one comes each microsecond
	keys := make([]authn.ReplayKey, 2*many)
	for i := range keys {
		keys[i] = replay(uint64(i))
	}
	n := 0
	use := func() {
		r.Use(keys[n%len(keys)], signedAt.Add(time.Duration(n)*time.Microsecond), window)
		n++
	}
	for range many {
		use()
	}
	b.ResetTimer()
	b.ReportAllocs()
	for b.Loop() {
		use()
	}
	b.ReportMetric(float64(r.Len()), "remembered")
}
