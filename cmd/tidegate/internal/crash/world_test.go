package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// workers is how many commands are under way at once.
const workers = 4

// world is the running child, those who give it commands, and what it has
// acknowledged to them.
type world struct {
	t        testing.TB
	seed     uint64
	rounds   uint64
	upstream *httptest.Server
	child    *journey.Child

	mu    sync.Mutex
	lives []*life // that were begun
	late  []*life // that nobody is at, and that are not over
	ended []*life

	work                             sync.WaitGroup
	acknowledged, unanswered, judged atomic.Int64
}

func newWorld(t testing.TB, seed uint64) *world {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Header.Get("X-Consumer-Id")))
	}))
	t.Cleanup(upstream.Close)
	return &world{t: t, seed: seed, upstream: upstream}
}

// running says which child runs now.
func (w *world) running(child *journey.Child) { w.child = child }

// furnish makes the services that everybody subscribes to.
func (w *world) furnish() {
	w.t.Helper()
	for id, approval := range map[string]string{manual: "manual", automatic: "auto"} {
		for _, r := range []web.Reply{
			w.manage(w.t.Context(), http.MethodPost, "/v1/services", definition(id, w.upstream.URL, approval)),
			w.manage(w.t.Context(), http.MethodPost, "/v1/services/"+id+"/publish", nil, "Prefer: wait=10"),
		} {
			if r.Status >= http.StatusBadRequest || r.Err != nil {
				w.t.Fatal(r)
			}
		}
	}
}

// manage calls the management API as administrator.
func (w *world) manage(ctx context.Context, method, path string, body web.Object, headers ...string) web.Reply {
	return web.Do(ctx, method, w.child.Ready.ManagementURL+path, body, append(headers, "Authorization: Bearer "+w.child.Ready.AdminToken)...)
}

// through calls a service through the gateway.
func (w *world) through(ctx context.Context, service, key string) web.Reply {
	return web.Do(ctx, http.MethodGet, w.child.Ready.GatewayURL+"/"+service+"/", nil, "X-API-Key: "+key)
}

// load has commands given until ctx ends; rest waits for that.
func (w *world) load(ctx context.Context) {
	w.rounds++
	for i := range workers {
		random := rand.New(rand.NewPCG(w.seed, w.rounds*workers+uint64(i)))
		w.work.Go(func() {
			for ctx.Err() == nil && w.live(ctx, w.next(random)) {
			}
		})
	}
}

func (w *world) rest() { w.work.Wait() }

// next answers a life that is nobody's: one that stands still, or a new one.
func (w *world) next(random *rand.Rand) *life {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.late) > 0 && random.IntN(3) == 0 {
		one := w.late[0]
		w.late = w.late[1:]
		return one
	}
	one := newLife(random, w.upstream.URL)
	w.lives = append(w.lives, one)
	return one
}

// live goes on with a life until it is over or a command is not acknowledged;
// false: nobody answers.
func (w *world) live(ctx context.Context, one *life) bool {
	for !one.over() {
		next := one.steps[one.done]
		r := w.give(ctx, one, next)
		next.attempts++
		switch {
		case r.Status == next.status:
		case next.method == http.MethodDelete && next.attempts > 1 && r.Text("code") == "illegal_transition": // the first attempt did it
		case unacknowledged(r):
			w.unanswered.Add(1)
			w.mu.Lock()
			w.late = append(w.late, one)
			w.mu.Unlock()
			return r.Err == nil
		default:
			w.t.Errorf("attempt %d: %s", next.attempts, r)
			return true
		}
		one.keep(next, r)
		w.acknowledged.Add(1)
	}
	w.mu.Lock()
	w.ended = append(w.ended, one)
	w.mu.Unlock()
	if one.confirmed {
		w.judge(ctx, one, false)
	}
	return true
}

func (w *world) give(ctx context.Context, one *life, s *step) web.Reply {
	var headers []string
	if s.key != "" {
		headers = append(headers, "Idempotency-Key: "+s.key)
	}
	if s.wait {
		headers = append(headers, "Prefer: wait=10")
	}
	path := strings.NewReplacer("{credential}", one.credential, "{subscription}", one.subscription).Replace(s.path)
	return w.manage(ctx, s.method, path, s.body, headers...)
}

// judge calls with a life's keys once; here says that the gateway must answer.
func (w *world) judge(ctx context.Context, one *life, here bool) {
	check := func(key string, verdict func(web.Reply) error) {
		r := w.through(ctx, one.target, key)
		w.judged.Add(1)
		if r.Err != nil && !here {
			return // it was killed
		}
		if err := verdict(r); err != nil {
			w.t.Errorf("%s: %v", one.name, err)
		}
	}
	if one.key != "" || one.service {
		check(one.key, one.verdict)
	}
	for _, key := range one.old {
		if key == "" {
			continue
		}
		check(key, func(r web.Reply) error {
			if r.Text("code") != "credential_invalid" {
				return fmt.Errorf("a key was rotated away: %s", r)
			}
			return nil
		})
	}
}

// everywhere says whether the gateway had applied a command when it was answered.
func everywhere(r web.Reply) bool { return r.AppliedBy("1/1") == nil }
