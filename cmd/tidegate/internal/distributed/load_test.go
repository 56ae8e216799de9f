package distributed_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// load is callers who give commands all the time, and a caller who tries what
// both gateways were said to have applied.
type load struct {
	s       *topology
	t       testing.TB
	service string // that everybody subscribes to
	seed    uint64

	mu    sync.Mutex
	lives []*life // that were begun
	ended []*life // whose end both gateways were said to have applied

	acknowledged, tried atomic.Int64
	stop                context.CancelFunc
	running             sync.WaitGroup
}

// workers is how many commands are under way at once.
const workers = 4

func (s *topology) load(t testing.TB, seed uint64) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{s: s, t: t, service: s.cast(t).service, seed: seed, stop: stop}
	for i := range workers {
		l.running.Go(func() { l.work(ctx, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	l.running.Go(func() { l.try(ctx, rand.New(rand.NewPCG(seed, workers))) })
	t.Cleanup(l.end)
	return l
}

// end returns once nobody calls any more.
func (l *load) end() {
	l.stop()
	l.running.Wait()
}

// work lives lives. One that has come to a command which is not acknowledged is
// left for later: its key may be leased for half a minute.
func (l *load) work(ctx context.Context, random *rand.Rand) {
	var late []*life
	pace := time.NewTicker(15 * time.Millisecond)
	defer pace.Stop()
	for ctx.Err() == nil {
		var one *life
		if len(late) > 0 && (len(late) > 20 || random.IntN(3) == 0) {
			one, late = late[0], late[1:]
		} else {
			one = newLife(random, l.service, l.s.upstream.URL)
			l.mu.Lock()
			l.lives = append(l.lives, one)
			l.mu.Unlock()
		}
		if !l.live(ctx, one, l.s.portal(random)) {
			late = append(late, one)
		}
		select {
		case <-ctx.Done():
		case <-pace.C:
		}
	}
}

// live goes on with a life, and says whether it is over.
func (l *load) live(ctx context.Context, one *life, portal string) bool {
	before := one.done
	err := one.advance(context.WithoutCancel(ctx), l.s, portal)
	l.acknowledged.Add(int64(one.done - before))
	if err != nil {
		l.t.Errorf("%s: %v", one.name, err)
		return true
	}
	if !one.over() {
		return false
	}
	if one.confirmed && !one.service {
		l.mu.Lock()
		l.ended = append(l.ended, one)
		l.mu.Unlock()
		l.judge(context.WithoutCancel(ctx), one)
	}
	return true
}

// try calls with keys whose fate both gateways were said to have applied: from
// then on none may answer otherwise, whoever was killed meanwhile.
func (l *load) try(ctx context.Context, random *rand.Rand) {
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for ctx.Err() == nil {
		l.mu.Lock()
		var one *life
		if len(l.ended) > 0 {
			one = l.ended[random.IntN(len(l.ended))]
		}
		l.mu.Unlock()
		if one != nil {
			l.judge(ctx, one)
		}
		select {
		case <-ctx.Done():
		case <-pace.C:
		}
	}
}

// judge calls each gateway once. One that is away, or says that it cannot tell,
// has not answered.
func (l *load) judge(ctx context.Context, one *life) {
	if one.key == "" {
		return
	}
	for _, gateway := range l.s.gateways() {
		r := through(ctx, gateway, l.service, one.key)
		l.tried.Add(1)
		if r.Err != nil || r.Status == http.StatusServiceUnavailable {
			continue
		}
		if err := one.verdict(r); err != nil {
			l.t.Errorf("both gateways had applied the end of %s: %v", one.name, err)
		}
	}
}

// verdict says why a gateway's answer is not as it must be once the life is over.
func (l *life) verdict(r web.Reply) error {
	switch {
	case l.expected == "" && r.Status == http.StatusOK && string(r.Body) == l.name:
	case l.expected != "" && r.Text("code") == l.expected:
	default:
		return fmt.Errorf("want %q: %s", l.expected, r)
	}
	return nil
}

// finish lets every life come to its end, once everything runs again.
func (l *load) finish() {
	l.t.Helper()
	random := rand.New(rand.NewPCG(l.seed, workers+1))
	for _, one := range l.lives {
		eventually(l.t, one.name+" is over", func() error {
			if !l.live(l.t.Context(), one, l.s.portal(random)) {
				return fmt.Errorf("command %d of %d is not acknowledged", one.done+1, len(one.steps))
			}
			return nil
		})
	}
}

// missed counts why attempts were not acknowledged.
func (l *load) missed() map[string]int {
	all := map[string]int{}
	for _, one := range l.lives {
		for _, s := range one.steps {
			for _, why := range s.missed {
				all[why]++
			}
		}
	}
	return all
}

// portal answers the address of one of the portals.
func (s *topology) portal(random *rand.Rand) string {
	all := s.of["portal"]
	return all[random.IntN(len(all))].address
}
