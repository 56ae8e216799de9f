package authn

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// verified is a token whose signature was found right: whose it is, and what that
// rests on. It is found by the token's SHA-256, and keeps nothing else of it.
//
// It spares the check of the signature, and no other: the rule is asked at every
// call whether the credential and this version of its secret may act, the clock
// whether the token does, and what a fresh check would rest on is compared with
// what this one rested on. What is found with it is what would be found without.
type verified struct {
	sum        [sha256.Size]byte
	credential *access.Credential
	version    int
	// The token's own bounds, in seconds since 1970, with what leeway there is.
	notBefore, notAfter int64

	// Of a JWT: the proofs that were looked at, and how many changes there had
	// been to any proof and to any credential of the type.
	proofs         []material.Proof
	changes, moves atomic.Uint64

	// Of an access token; another's has no signer.
	signer            *access.SigningKey
	id, grant, scopes string

	again atomic.Bool // it was shown again
}

// hold notes that the token was shown, and whether it counts by now.
func (v *verified) hold(a *Attempt, hit *Hit) {
	switch now := a.Request.At.Unix(); {
	case now >= v.notAfter:
		a.HoldsBut(v.credential, v.version, hit, access.TokenExpired)
	case now < v.notBefore:
		a.HoldsBut(v.credential, v.version, hit, access.TokenNotYetValid)
	default:
		a.Holds(v.credential, v.version, hit)
	}
}

// verifiedCache remembers verified tokens: at most ways*sets of them. Readers
// take no lock and allocate nothing.
//
// Only what was verified gets in, so that a flood of bad tokens costs its senders'
// time and nobody's place. A flood of good ones, which somebody with a key can
// make, takes the places of tokens that have expired or were not shown a second
// time first: a newcomer has to be used again before it counts as used. A token
// that has expired gets a place only where one is free, or held by another such.
type verifiedCache struct {
	odd   uint64 // of this process alone: who picks tokens cannot pick their sets
	table atomic.Pointer[[verifiedSets]verifiedSet]
	mu    sync.Mutex // the writers'
}

const (
	verifiedWays = 8
	verifiedSets = 1 << 14
)

// verifiedSet is two lines of the processor's cache: a look-up reads the first
// and, almost only when it finds, one word of the second. A tag is there after
// its entry, and may be out of step with it: the entry says whose it is.
type verifiedSet struct {
	tags    [verifiedWays]atomic.Uint64
	entries [verifiedWays]atomic.Pointer[verified]
}

func newVerifiedCache() *verifiedCache { return &verifiedCache{odd: rand.Uint64() | 1} }

// get answers what is known of a token; nil: nothing.
func (c *verifiedCache) get(sum *[sha256.Size]byte) *verified {
	table := c.table.Load()
	if table == nil {
		return nil
	}
	tag, set := tagOf(sum), &table[c.set(sum)]
	for i := range set.tags {
		if set.tags[i].Load() != tag {
			continue
		}
		if v := set.entries[i].Load(); v != nil && v.sum == *sum {
			if !v.again.Load() {
				v.again.Store(true)
			}
			return v
		}
	}
	return nil
}

// put remembers a token, in place of what was known of it.
func (c *verifiedCache) put(v *verified, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	table := c.table.Load()
	if table == nil {
		table = new([verifiedSets]verifiedSet)
		c.table.Store(table)
	}
	set := &table[c.set(&v.sum)]
	if way, ok := set.place(v, now.Unix()); ok {
		set.entries[way].Store(v)
		set.tags[way].Store(tagOf(&v.sum))
	}
}

// place answers where a token goes: where it was, where nothing is, where one has
// expired, where one was not used again. When all were, all have to be again.
func (s *verifiedSet) place(v *verified, now int64) (way int, ok bool) {
	free, expired, unused := -1, -1, -1
	for i := range s.entries {
		switch held := s.entries[i].Load(); {
		case held == nil:
			free = i
		case held.sum == v.sum:
			return i, true
		case now >= held.notAfter:
			expired = i
		case !held.again.Load():
			unused = i
		}
	}
	switch {
	case free >= 0:
		return free, true
	case expired >= 0:
		return expired, true
	case now >= v.notAfter:
		return 0, false
	case unused >= 0:
		return unused, true
	}
	for i := range s.entries {
		s.entries[i].Load().again.Store(false)
	}
	return int(v.sum[len(v.sum)-1]) % verifiedWays, true
}

func (c *verifiedCache) set(sum *[sha256.Size]byte) uint64 {
	return binary.LittleEndian.Uint64(sum[:]) * c.odd >> (64 - 14)
}

// tagOf is never 0, which is an empty way's.
func tagOf(sum *[sha256.Size]byte) uint64 { return binary.LittleEndian.Uint64(sum[8:]) | 1 }
