package distributed_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kills is how often each kind of process is killed.
const kills = 5

// crashes kills every kind of process again and again, at random moments, while
// commands are given, and then checks every acknowledgement.
func (s *topology) crashes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	load := s.load(t, seed)

	kinds := append([]string{"portal", "gateway", "nats", "postgres"}, owners...)
	var plan []string
	for _, kind := range kinds {
		plan = append(plan, slices.Repeat([]string{kind}, kills)...)
	}
	random.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	began := time.Now()
	for _, kind := range plan {
		load.moment(t, random)
		s.crash(t, kind, random, func() { pass(t, random) })
	}
	took := time.Since(began)
	for _, p := range s.processes {
		p.await()
	}
	s.nats.Await()
	load.end()
	load.finish()
	t.Logf("%d kills of %d kinds in %s; %d commands of %d lives were acknowledged, and not at once because of %v; %d calls of what was confirmed",
		len(plan), len(kinds), took.Round(time.Second), load.acknowledged.Load(), len(load.lives), load.missed(), load.tried.Load())
	load.check(t)
}

// crash kills one process of a kind and starts it again after a while.
func (s *topology) crash(t testing.TB, kind string, random *rand.Rand, while func()) {
	switch kind {
	case "nats":
		if random.IntN(2) == 0 { // else another node may still be on its way back
			s.nats.Await()
		}
		node := random.IntN(nodes)
		s.nats.Kill(node)
		while()
		s.nats.Start(node)
	case "postgres":
		s.postgres.Kill(t)
		while()
		s.postgres.Start(t)
	default:
		p := s.of[kind][random.IntN(len(s.of[kind]))]
		p.await() // so that every kill ends something that works
		p.kill()
		while()
		p.start()
	}
}

// moment lets a random number of commands be acknowledged, and then up to 200 ms
// pass.
func (l *load) moment(t testing.TB, random *rand.Rand) {
	goal := l.acknowledged.Load() + random.Int64N(30)
	eventually(t, "commands are acknowledged", func() error {
		if done := l.acknowledged.Load(); done < goal {
			return fmt.Errorf("%d are missing", goal-done)
		}
		return nil
	})
	pass(t, random)
}

// pass lets up to 200 ms pass.
func pass(t testing.TB, random *rand.Rand) {
	select {
	case <-t.Context().Done():
	case <-time.After(time.Duration(random.Int64N(int64(200 * time.Millisecond)))):
	}
}

// shutdown tells every process to end: each drains and ends with 0.
func (s *topology) shutdown(t *testing.T) {
	var ending sync.WaitGroup
	for _, p := range s.processes {
		ending.Go(func() {
			if code := p.signal(syscall.SIGTERM); code != 0 {
				t.Errorf("%s ended with %d", p.name, code)
			}
		})
	}
	ending.Wait()
}
