// Package limit counts the calls of consumers and subscriptions and says when
// they have had enough.
//
// It counts in this process alone: each gateway admits the whole limit by
// itself, and a restart forgets what was counted.
package limit

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/events/consumer"
)

// Policy is one set of limits and whose calls it counts.
type Policy struct {
	Name    string // "consumer" or "plan", as clients are told
	Subject string // what is counted: the consumer's id, or the subscription's
	Rate    *consumer.Rate
	Quota   *consumer.Quota
}

func (p Policy) empty() bool { return p.Rate == nil && p.Quota == nil }

// Verdict is what came of one call.
type Verdict int

// The verdicts.
const (
	Admitted Verdict = iota
	RateLimited
	QuotaExceeded
)

// Standing is where a subject stands with one policy after a call.
type Standing struct {
	Policy    string
	Limit     int64         // calls
	Window    time.Duration // in which they come back
	Remaining int64
	Reset     time.Duration // until all of them are back
}

// Result is the verdict, where the subjects stand, and when a refused call can
// be tried again.
type Result struct {
	Verdict    Verdict
	Standings  []Standing
	RetryAfter time.Duration
}

// Limiter holds the counts. Its zero value is not ready: use New.
type Limiter struct {
	seed   maphash.Seed
	shards [64]shard
}

type shard struct {
	mu      sync.Mutex
	counts  map[string]*count
	sweptAt time.Time
}

// New makes a limiter that has counted nothing.
func New() *Limiter {
	l := &Limiter{seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].counts = map[string]*count{}
	}
	return l
}

// Take counts one call against every policy, or against none when one of them
// refuses it. Policies are at most a consumer's and a plan's.
func (l *Limiter) Take(now time.Time, policies ...Policy) Result {
	var result Result
	var counts [2]*count
	n := 0
	for _, p := range policies {
		if p.empty() || n == len(counts) {
			continue
		}
		counts[n] = l.count(p.Name, p.Subject, now)
		counts[n].mu.Lock()
		defer counts[n].mu.Unlock()
		counts[n].advance(p, now)
		if verdict, wait := counts[n].judge(p, now); verdict != Admitted && (result.Verdict == Admitted || wait > result.RetryAfter) {
			result.Verdict, result.RetryAfter = verdict, wait
		}
		policies[n] = p
		n++
	}
	for i, p := range policies[:n] {
		if result.Verdict == Admitted {
			counts[i].add(p)
		}
		result.Standings = counts[i].standings(result.Standings, p, now)
	}
	return result
}

// Look answers where a subject stands with a policy and counts nothing.
func (l *Limiter) Look(now time.Time, p Policy) Result {
	var result Result
	if p.empty() {
		return result
	}
	c := l.count(p.Name, p.Subject, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(p, now)
	result.Standings = c.standings(nil, p, now)
	return result
}

// sweep is how often counts that say nothing any more are dropped.
const sweep = time.Minute

func (l *Limiter) count(policy, subject string, now time.Time) *count {
	s := &l.shards[maphash.String(l.seed, subject)%uint64(len(l.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.sweptAt) > sweep {
		s.sweptAt = now
		for key, c := range s.counts {
			if c.forgettable(now) {
				delete(s.counts, key)
			}
		}
	}
	key := policy + "/" + subject
	c, ok := s.counts[key]
	if !ok {
		c = &count{at: now}
		s.counts[key] = c
	}
	c.seen = now
	return c
}
