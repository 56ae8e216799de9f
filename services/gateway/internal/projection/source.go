package projection

import (
	"sync"
	"sync/atomic"
	"time"
)

// source is what is known of how fresh one source's facts are: when, by the
// monotonic clock, we last had applied a head that the source had announced.
type source struct {
	mu      sync.Mutex
	have    int64
	head    int64     // announced and not applied yet; 0: none
	at      time.Time // when it was announced
	fresh   atomic.Int64
	reached atomic.Bool
}

// start is the zero of the monotonic clock.
var start = time.Now()

// announce notes a head.
func (s *source) announce(head int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch now := time.Now(); {
	case s.have >= head:
		s.head = 0
		s.refresh(now)
	case s.head == 0:
		s.head, s.at = head, now
	}
}

// applied notes how far has been applied.
func (s *source) applied(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have = position
	if s.head > 0 && position >= s.head {
		s.head = 0
		s.refresh(s.at)
	}
}

func (s *source) refresh(at time.Time) {
	s.fresh.Store(max(s.fresh.Load(), int64(at.Sub(start))))
	s.reached.Store(true)
}

// known says that a head that the source announced was applied since the start.
func (s *source) known() bool { return s.reached.Load() }

// age answers for how long the source may have said what we do not know.
func (s *source) age(now time.Time) (age time.Duration, known bool) {
	return now.Sub(start) - time.Duration(s.fresh.Load()), s.known()
}

// lag answers how many positions are announced and not applied.
func (s *source) lag() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, s.head-s.have)
}
