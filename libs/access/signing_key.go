package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
)

// SigningKey is a public key that verifies access tokens (ES256). It is
// immutable.
type SigningKey struct {
	KID      string
	Public   *ecdsa.PublicKey
	NotAfter time.Time // when it verifies no more; the zero time: never
}

// Verifies says whether the key counts at a moment.
func (k *SigningKey) Verifies(at time.Time) bool {
	return k.NotAfter.IsZero() || at.Before(k.NotAfter)
}

// signing is the set of keys that is in force.
type signing struct {
	keys  []SigningKey
	given []credential.SigningKey
	history
}

// SigningKey answers the key with an id: next, current or previous. Whoever
// verifies asks it whether it still counts (Verifies). While an event about the
// keys cannot be read there are none.
func (s *Snapshot) SigningKey(kid string) (*SigningKey, bool) {
	set := s.signing.Load()
	if set == nil || set.broken() {
		return nil, false
	}
	for i := range set.keys {
		if set.keys[i].KID == kid {
			return &set.keys[i], true
		}
	}
	return nil, false
}

func (s *Snapshot) applySigning(e events.Envelope, data events.Data) {
	before := s.signing.Load()
	if before != nil && before.met(e) {
		return
	}
	next := &signing{}
	if before != nil {
		*next = *before
	}
	if next.advance(e, data) && next.fold(data) {
		next.rest(e)
	}
	s.putSigning(before, next)
}

// putSigning puts a set of keys in force.
func (s *Snapshot) putSigning(before, next *signing) {
	s.signing.Store(next)
	if before != nil {
		s.sum.forget(before)
	}
	s.sum.remember(next)
}

// fold answers whether the event says anything to the rule.
func (k *signing) fold(data events.Data) bool {
	d, ok := data.(credential.SigningKeysRotated)
	if ok {
		k.take(d.Keys)
	}
	return ok
}

// take reads the keys. One that cannot be read verifies nothing.
func (k *signing) take(given []credential.SigningKey) {
	k.given, k.keys = given, nil
	for _, each := range given {
		public, err := publicKey(each.JWK)
		if err != nil {
			continue
		}
		key := SigningKey{KID: each.KID, Public: public}
		if each.NotAfter != nil {
			key.NotAfter = *each.NotAfter
		}
		k.keys = append(k.keys, key)
	}
}

func (s *Snapshot) eachSigning(yield func(*signing) bool) {
	if set := s.signing.Load(); set != nil {
		yield(set)
	}
}

func publicKey(k credential.JWK) (*ecdsa.PublicKey, error) {
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if k.Kty != "EC" || k.Crv != "P-256" || errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
		return nil, errors.New("not a P-256 key")
	}
	point := append(append([]byte{4}, x...), y...)
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}
