package access

import (
	"container/heap"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
)

// forgetAfter is how long a revoked token is remembered after it has expired by
// itself: more than any two clocks differ, for it is forgotten by the time of
// events and judged by that of gateways.
const forgetAfter = moment(24 * time.Hour / time.Microsecond)

// tokens are the access tokens and grants that were revoked and could still be
// shown by somebody. What is remembered follows from the events alone, so that
// all who have applied the same remember the same.
type tokens struct {
	held atomic.Pointer[table[revokedToken]]
	now  atomic.Int64 // the moment of the newest event of the context
	due  dueTokens    // the writer's, as is what follows
	live int          // remembered
	dead int          // forgotten, and in the table still
}

// revokedToken is a token or a grant that is refused. Each of its events says all
// there is to say, so none needs the one before.
type revokedToken struct {
	id     string
	until  moment   // when it is forgotten
	unread []uint32 // versions of events that could not be read, in order
}

// remembered says whether it counts at a moment of the context's events.
func (t *revokedToken) remembered(now int64) bool { return t.broken() || int64(t.until) > now }

func (t *revokedToken) broken() bool { return len(t.unread) > 0 }

// TokenRevoked says whether an access token, by its jti, or a grant is refused.
// What was revoked is forgotten a day after its tokens have expired: their
// expiry is judged first.
func (s *Snapshot) TokenRevoked(id string) bool {
	held := s.tokens.held.Load()
	if held == nil {
		return false
	}
	t := findToken(held, s.hash(id), id)
	return t != nil && t.remembered(s.tokens.now.Load())
}

func findToken(held *table[revokedToken], hash uint64, id string) *revokedToken {
	for p := held.probe(hash); p.next(); {
		if p.value.id == id {
			return p.value
		}
	}
	return nil
}

// applyToken folds an event of a token. One that cannot be read refuses the
// token for good, or until it can.
func (s *Snapshot) applyToken(id string, e events.Envelope, data events.Data) {
	before, next := s.tokenState(id), &revokedToken{}
	if before != nil {
		*next = *before
	}
	next.id = strings.Clone(id)
	at, unread := slices.BinarySearch(next.unread, uint32(e.Version))
	switch {
	case data == nil && !unread:
		next.unread = slices.Insert(slices.Clone(next.unread), at, uint32(e.Version))
	case data != nil && unread:
		next.unread = slices.Delete(slices.Clone(next.unread), at, at+1)
		next.fold(e, data)
	case data == nil || !next.fold(e, data):
		return // nothing new
	}
	s.putToken(before, next)
}

// fold answers whether the event says anything to the rule.
func (t *revokedToken) fold(e events.Envelope, data events.Data) bool {
	d, ok := data.(credential.TokenRevoked)
	until := max(momentOf(&d.ExpiresAt), momentOf(&e.Time)) + forgetAfter
	if !ok || until <= t.until {
		return false
	}
	t.until = until
	return true
}

func (s *Snapshot) tokenState(id string) *revokedToken {
	held := s.tokens.held.Load()
	if held == nil {
		return nil
	}
	if t := findToken(held, s.hash(id), id); t != nil && t.remembered(s.tokens.now.Load()) {
		return t
	}
	return nil
}

// putToken puts a state in force, unless it is one to be forgotten at once.
func (s *Snapshot) putToken(before, next *revokedToken) {
	all := &s.tokens
	if before != nil {
		s.sum.forget(before)
		all.live--
	}
	if int64(next.until) <= all.now.Load() {
		next.until = 0 // whenever it was
	}
	kept := next.remembered(all.now.Load())
	if kept {
		s.sum.remember(next)
		all.live++
	}
	if next.until > 0 {
		heap.Push(&all.due, next)
	}
	held := all.held.Load()
	if held == nil {
		held = &table[revokedToken]{}
		all.held.Store(held)
	}
	hash := s.hash(next.id)
	if place := findToken(held, hash, next.id); kept || place != nil { // also of one that was forgotten
		held.put(hash, place, next)
	}
	if before != nil && !kept {
		all.dead++
	}
}

// pass takes note of the time of an event of the context, and forgets what is
// due.
func (s *Snapshot) pass(at moment) {
	all := &s.tokens
	if int64(at) <= all.now.Load() {
		return
	}
	all.now.Store(int64(at))
	for len(all.due) > 0 && all.due[0].until <= at {
		t := heap.Pop(&all.due).(*revokedToken)
		if findToken(all.held.Load(), s.hash(t.id), t.id) != t {
			continue // a newer state took its place
		}
		if t.broken() { // all but that is forgotten
			s.putToken(t, &revokedToken{id: t.id, unread: t.unread})
			continue
		}
		s.sum.forget(t)
		all.live--
		all.dead++
	}
	if all.dead > 64 && all.dead > all.live {
		s.sweep()
	}
}

// sweep makes a table without what was forgotten. Readers see the one or the
// other.
func (s *Snapshot) sweep() {
	all, swept := &s.tokens, &table[revokedToken]{}
	for t := range all.held.Load().all {
		if t.remembered(all.now.Load()) {
			swept.put(s.hash(t.id), nil, t)
		}
	}
	all.held.Store(swept)
	all.dead = 0
}

// eachToken yields what is remembered.
func (s *Snapshot) eachToken(yield func(*revokedToken) bool) {
	held := s.tokens.held.Load()
	if held == nil {
		return
	}
	for t := range held.all {
		if t.remembered(s.tokens.now.Load()) && !yield(t) {
			return
		}
	}
}

// passed is the moment of the newest event of the context, as it is saved: what
// was forgotten stays so.
type passed struct{ moment moment }

func (s *Snapshot) eachPassed(yield func(*passed) bool) {
	if now := s.tokens.now.Load(); now > 0 {
		yield(&passed{moment(now)})
	}
}

// dueTokens is a heap by the moment at which a token is forgotten.
type dueTokens []*revokedToken

func (d dueTokens) Len() int           { return len(d) }
func (d dueTokens) Less(i, j int) bool { return d[i].until < d[j].until }
func (d dueTokens) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dueTokens) Push(t any)        { *d = append(*d, t.(*revokedToken)) }
func (d *dueTokens) Pop() any {
	last := (*d)[len(*d)-1]
	(*d)[len(*d)-1] = nil
	*d = (*d)[:len(*d)-1]
	return last
}
