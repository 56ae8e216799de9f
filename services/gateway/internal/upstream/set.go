package upstream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/events/catalog"
)

// Set is the pools of every address that is in use.
type Set struct {
	pools sync.Map // string: *Pool
	use   use
}

// Pick chooses an address by weight. Addresses that are in tried are left out,
// and those that could not be dialled a moment ago are taken only when no other
// is left. It answers nil when nothing is left.
func (s *Set) Pick(upstreams []catalog.Upstream, tried []*Pool, now time.Time) *Pool {
	if len(upstreams) == 1 && len(tried) == 0 {
		return s.pool(upstreams[0].URL)
	}
	if p := s.pick(upstreams, tried, now, false); p != nil {
		return p
	}
	return s.pick(upstreams, tried, now, true)
}

func (s *Set) pick(upstreams []catalog.Upstream, tried []*Pool, now time.Time, evenDown bool) *Pool {
	var chosen *Pool
	total := 0
	for _, u := range upstreams {
		p := s.pool(u.URL)
		if p == nil || u.Weight <= 0 && len(upstreams) > 1 || slices.Contains(tried, p) || !evenDown && p.isDown(now) {
			continue
		}
		weight := max(u.Weight, 1)
		total += weight
		if rand.IntN(total) < weight { // weighted reservoir: each ends up with weight/total
			chosen = p
		}
	}
	return chosen
}

// pool answers the pool of an address, nil when it cannot be read.
func (s *Set) pool(url string) *Pool {
	if p, ok := s.pools.Load(url); ok {
		return p.(*Pool)
	}
	address, err := ParseAddress(url)
	if err != nil {
		return nil
	}
	p, _ := s.pools.LoadOrStore(url, &Pool{Address: address, use: &s.use})
	return p.(*Pool)
}

// Run closes idle connections until ctx ends, and then all of them.
func (s *Set) Run(ctx context.Context) error {
	ticker := time.NewTicker(idleTime / 3)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			s.sweep(now)
		case <-ctx.Done():
			s.sweep(time.Now().Add(idleTime))
			return fmt.Errorf("upstream connections: %w", ctx.Err())
		}
	}
}

func (s *Set) sweep(now time.Time) {
	s.pools.Range(func(_, p any) bool {
		p.(*Pool).sweep(now)
		return true
	})
}
