package access

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"

	"github.com/tidegate-io/tidegate/events/credential"
)

// record is an object that is saved and hashed by its fields.
type record interface{ code(*wire) }

// The kinds of records, as they are written.
const (
	kindConsumer     = 'c'
	kindCredential   = 'k'
	kindService      = 'v'
	kindSubscription = 'u'
	kindSigning      = 's'
	kindToken        = 't'
	kindPassed       = 'p' // saved, and not part of the hash
)

// sum is a hash of a set: the sum of its members' hashes, so that a member can
// be exchanged without looking at the others. It finds gateways that differ by
// mistake; it is no proof against somebody who makes them differ.
type sum struct {
	mu      sync.Mutex
	high    uint64
	low     uint64
	scratch wire // the writer's
}

func (u *sum) remember(r record) { u.add(r, 1) }
func (u *sum) forget(r record)   { u.add(r, ^uint64(0)) } // minus one

func (u *sum) add(r record, times uint64) {
	u.scratch.b = append(u.scratch.b[:0], kindOf(r))
	r.code(&u.scratch)
	digest := sha256.Sum256(u.scratch.b)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.high += times * binary.BigEndian.Uint64(digest[:8])
	u.low += times * binary.BigEndian.Uint64(digest[8:16])
}

func kindOf(r record) byte {
	switch r.(type) {
	case *Consumer:
		return kindConsumer
	case *Credential:
		return kindCredential
	case *Service:
		return kindService
	case *signing:
		return kindSigning
	case *revokedToken:
		return kindToken
	case *passed:
		return kindPassed
	default:
		return kindSubscription
	}
}

// Hash answers 32 hexadecimal characters that are equal for snapshots that know
// the same, in whatever order they learnt it.
func (s *Snapshot) Hash() string {
	s.sum.mu.Lock()
	defer s.sum.mu.Unlock()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], s.sum.high)
	binary.BigEndian.PutUint64(b[8:], s.sum.low)
	if s.Unreadable() {
		b[0] ^= 1
	}
	return hex.EncodeToString(b[:])
}

func (s *Snapshot) broken() []string {
	var streams []string
	for c := range s.eachConsumer {
		if c.broken() {
			streams = append(streams, "consumer-"+c.ID)
		}
	}
	for c := range s.credentials.all {
		if c.broken() {
			streams = append(streams, "credential-"+c.ID)
		}
	}
	if set := s.signing.Load(); set != nil && set.broken() {
		streams = append(streams, "credential-"+credential.SigningKeysID)
	}
	for t := range s.eachToken {
		if t.broken() {
			streams = append(streams, "credential-"+t.id)
		}
	}
	for v := range s.eachService {
		if v.broken() {
			streams = append(streams, "service-"+v.ID)
		}
	}
	for u := range s.subscriptions.all {
		if u.broken() {
			streams = append(streams, "subscription-"+u.ID)
		}
	}
	slices.Sort(streams)
	return streams
}
