package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// Digest recognises a generated secret: HMAC-SHA256(pepper, SHA-256(secret)). It
// can be compared, and be the key of a map. It is no secret of its own, but it
// stays out of events, answers and logs.
type Digest struct {
	Pepper string // id of the pepper
	Sum    [sha256.Size]byte
}

// Fingerprint is SHA-256(secret): what a service keeps, sealed, so that a new
// pepper can digest every secret again without anybody showing it.
func Fingerprint(secret []byte) [sha256.Size]byte { return sha256.Sum256(secret) }

// Digest digests a secret with the active pepper.
func (r *Ring) Digest(secret []byte) Digest {
	return r.DigestFingerprint(Fingerprint(secret))
}

// DigestFingerprint is Digest for a secret of which the fingerprint is known.
func (r *Ring) DigestFingerprint(fingerprint [sha256.Size]byte) Digest {
	return r.keys.Load().peppers[0].digest(fingerprint)
}

// Digests digests a secret with every live pepper: one, or two while one
// replaces the other. The active one's comes first.
func (r *Ring) Digests(secret []byte) []Digest {
	return r.AppendDigests(make([]Digest, 0, maxPeppers), secret)
}

// AppendDigests is Digests into the caller's memory; it allocates none when dst
// has room for two.
func (r *Ring) AppendDigests(dst []Digest, secret []byte) []Digest {
	return r.appendDigests(dst, Fingerprint(secret))
}

// DigestsFingerprint is Digests for a secret of which the fingerprint is known.
func (r *Ring) DigestsFingerprint(fingerprint [sha256.Size]byte) []Digest {
	return r.appendDigests(make([]Digest, 0, maxPeppers), fingerprint)
}

func (r *Ring) appendDigests(dst []Digest, fingerprint [sha256.Size]byte) []Digest {
	for _, p := range r.keys.Load().peppers {
		dst = append(dst, p.digest(fingerprint))
	}
	return dst
}

// pepper is a key with HMACs at the ready, for keying one costs more than using
// it.
type pepper struct {
	id   string
	macs sync.Pool
}

type mac struct {
	hash.Hash
	in, out [sha256.Size]byte // here, so that neither escapes to the heap
}

func newPepper(k key) *pepper {
	p := &pepper{id: k.ID}
	p.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, k.Key)} }
	return p
}

func (p *pepper) digest(fingerprint [sha256.Size]byte) Digest {
	m := p.macs.Get().(*mac)
	m.Reset()
	m.in = fingerprint
	m.Write(m.in[:])
	m.Sum(m.out[:0])
	d := Digest{Pepper: p.id, Sum: m.out}
	p.macs.Put(m)
	return d
}
