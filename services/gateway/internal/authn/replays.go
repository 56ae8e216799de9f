package authn

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Replays remembers the signatures that were accepted, so that each serves once.
// A signature is remembered for as long as its date could still be good.
//
// It fails closed: when it is full, a new signature is refused and none that
// counts is forgotten. It knows what this process has seen since it started: a
// signature can serve once at each gateway, and again after a restart, within its
// skew.
//
// A shard is a table with open addresses and without pointers, 24 bytes a place,
// of which at most seven in eight are taken; it grows from 64 places as it fills
// and shrinks when it is empty. Each use looks at a few places in turn and drops
// what is over, so that no time is spent on that at once.
type Replays struct {
	shards [replayShards]replayShard
	most   int // places in a shard
	full   atomic.Int64
}

// Sizes of the table: some 3.6 million signatures in at most 100 MiB, which is
// 6,000 a second with the default skew.
const (
	replayShards = 64
	firstPlaces  = 64
	mostPlaces   = 1 << 16
	// sweep is how many places each use looks at. Two would do for entries to go
	// as fast as they come.
	sweep     = 8
	fullSweep = 256 // when there is no room
)

// ReplayKey is a credential and what it has used up.
type ReplayKey [16]byte

// credentials tells one credential's signatures from another's.
var credentials = maphash.MakeSeed()

// signatureKey names a credential's signature. It is a MAC, of which nobody can
// choose sixteen bytes.
func signatureKey(credential string, signature []byte) ReplayKey {
	key := ReplayKey(signature[:16])
	mixed := binary.LittleEndian.Uint64(key[:8]) ^ maphash.String(credentials, credential)
	binary.LittleEndian.PutUint64(key[:8], mixed)
	return key
}

// nonceKey names a credential's nonce, which its owner chooses. It needs memory.
func nonceKey(b []byte, credential, nonce string) (ReplayKey, []byte) {
	b = binary.AppendUvarint(b[:0], uint64(len(credential)))
	b = append(append(b, credential...), nonce...)
	sum := sha256.Sum256(b)
	return ReplayKey(sum[:16]), b
}

// NewReplays makes an empty memory.
func NewReplays() *Replays { return &Replays{most: mostPlaces} }

// Use takes a key for a time and says whether it was free. Of any number of
// callers at once, one is told so. It is false too when there is no room.
func (r *Replays) Use(key ReplayKey, now time.Time, window time.Duration) bool {
	s := &r.shards[key[15]%replayShards]
	free, room := s.use(key, now.UnixMilli(), now.Add(window).UnixMilli(), r.most)
	if !room {
		r.full.Add(1)
	}
	return free && room
}

// Refused answers how many signatures were refused because there was no room.
func (r *Replays) Refused() int64 { return r.full.Load() }

// Len answers how many are remembered.
func (r *Replays) Len() (n int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		n += s.n
		s.mu.Unlock()
	}
	return n
}

// Metrics tells how full it is.
func (r *Replays) Metrics() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tidegate_gateway_replays", Help: "Signatures that are remembered so that each serves once.",
		}, func() float64 { return float64(r.Len()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tidegate_gateway_replays_refused_total", Help: "Signatures that were refused because no more can be remembered.",
		}, func() float64 { return float64(r.Refused()) }),
	}
}

type replayShard struct {
	mu     sync.Mutex
	places []replayPlace // a power of two of them, with gaps: until 0
	n      int
	hand   int
	_      [64]byte // shards do not share a cache line
}

type replayPlace struct {
	key   ReplayKey
	until int64 // Unix milliseconds; at it, it is over
}

func (s *replayShard) use(key ReplayKey, now, until int64, most int) (free, room bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.places == nil {
		s.places = make([]replayPlace, firstPlaces)
	}
	s.sweep(now, sweep)
	at, found := s.find(key)
	if found {
		if s.places[at].until > now {
			return false, true
		}
		s.places[at].until = until
		return true, true
	}
	if s.n >= len(s.places)/8*7 {
		switch {
		case len(s.places) < most:
			s.resize(2 * len(s.places))
		case s.sweep(now, fullSweep) == 0:
			return false, false
		}
		at, _ = s.find(key)
	}
	s.places[at] = replayPlace{key, until}
	s.n++
	return true, true
}

// home is where a key would like to be.
func (s *replayShard) home(key ReplayKey) int {
	return int(binary.LittleEndian.Uint64(key[:8])) & (len(s.places) - 1)
}

// find answers the place of a key, or the gap where it would be.
func (s *replayShard) find(key ReplayKey) (at int, found bool) {
	for at = s.home(key); s.places[at].until != 0; at = (at + 1) & (len(s.places) - 1) {
		if s.places[at].key == key {
			return at, true
		}
	}
	return at, false
}

// sweep looks at the next places and drops what is over.
func (s *replayShard) sweep(now int64, places int) (dropped int) {
	for range places {
		if s.hand >= len(s.places) {
			s.hand = 0
			if len(s.places) > firstPlaces && s.n < len(s.places)/8 {
				s.resize(len(s.places) / 2)
			}
		}
		if until := s.places[s.hand].until; until != 0 && until <= now {
			s.remove(s.hand) // what moves up is looked at next
			dropped++
			continue
		}
		s.hand++
	}
	return dropped
}

// remove makes a gap and moves up what it cuts off from its home.
func (s *replayShard) remove(gap int) {
	mask := len(s.places) - 1
	for at := (gap + 1) & mask; s.places[at].until != 0; at = (at + 1) & mask {
		if home := s.home(s.places[at].key); (at-home)&mask >= (at-gap)&mask {
			s.places[gap] = s.places[at]
			gap = at
		}
	}
	s.places[gap] = replayPlace{}
	s.n--
}

func (s *replayShard) resize(to int) {
	old := s.places
	s.places, s.hand = make([]replayPlace, to), 0
	for _, p := range old {
		if p.until != 0 {
			at, _ := s.find(p.key)
			s.places[at] = p
		}
	}
}
