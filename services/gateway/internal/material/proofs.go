package material

import (
	"crypto"
	"slices"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"
)

// Proof is what one version of a secret is verified with when its digest does
// not find it. Of Hash, Key and Public it has one.
type Proof struct {
	Version int
	Hash    string           // argon2id (PHC) or bcrypt, of a chosen password
	Key     []byte           // a shared secret: HMAC, HS256 and the like; not to be changed
	Public  crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey

	// Verified is what whoever verified the password remembers it by, so that the
	// slow hash is computed once: it goes when the proof does. There is one for
	// each Hash that was put.
	Verified *atomic.Pointer[[32]byte]

	keyed *atomic.Pointer[Keyed]
}

// Keyed answers HMAC-SHA256 with Key, which is read once, when it is first asked
// for; it goes when the proof does. The proof must have been put.
func (p *Proof) Keyed() *Keyed {
	if made := p.keyed.Load(); made != nil {
		return made
	}
	made := NewKeyed(p.Key)
	p.keyed.Store(made)
	return made
}

// Proofs finds what a credential's secrets are verified with. One goroutine
// writes, any number read without a lock.
type Proofs struct {
	of       *xsync.Map[string, []Proof]
	changes  atomic.Uint64
	hashes   int // the writer's
	somebody atomic.Pointer[Proof]
}

// NewProofs makes an empty set.
func NewProofs() *Proofs { return &Proofs{of: xsync.NewMap[string, []Proof]()} }

// Of answers a credential's proofs, at most one a version and in order of
// version. The slice is not to be changed, nor ever is: another one takes its
// place.
func (p *Proofs) Of(credential string) []Proof {
	proofs, _ := p.of.Load(credential)
	return proofs
}

// Changes counts the changes. Who concludes something from Of reads it first; the
// conclusion holds while it stays as it is.
func (p *Proofs) Changes() uint64 { return p.changes.Load() }

// AnyHash answers the hash of somebody's password, as a measure of what a
// verification costs; false: nobody has one.
func (p *Proofs) AnyHash() (string, bool) {
	if proof := p.somebody.Load(); proof != nil {
		return proof.Hash, true
	}
	return "", false
}

// Len answers how many credentials have one.
func (p *Proofs) Len() int { return p.of.Size() }

// Put brings a proof into force, in place of an earlier one of its version.
func (p *Proofs) Put(credential string, proof Proof) {
	if proof.Hash != "" {
		proof.Verified = p.verified(credential, proof)
	}
	if len(proof.Key) > 0 {
		proof.keyed = new(atomic.Pointer[Keyed])
	}
	p.change(credential, proof.Version, func(kept []Proof) []Proof { return append(kept, proof) })
	if proof.Hash != "" {
		p.hashes++
		p.somebody.Store(&proof)
	}
}

// verified answers what is remembered of a hash: that of the same version when it
// is put once more, as it is when it is sealed under another key.
func (p *Proofs) verified(credential string, proof Proof) *atomic.Pointer[[32]byte] {
	for _, other := range p.Of(credential) {
		if other.Version == proof.Version && other.Hash == proof.Hash {
			return other.Verified
		}
	}
	return new(atomic.Pointer[[32]byte])
}

// Remove takes a version out of force.
func (p *Proofs) Remove(credential string, version int) {
	p.change(credential, version, func(kept []Proof) []Proof { return kept })
	if p.hashes == 0 {
		p.somebody.Store(nil)
	}
}

func (p *Proofs) change(credential string, without int, then func([]Proof) []Proof) {
	var kept []Proof
	for _, other := range p.Of(credential) {
		switch {
		case other.Version != without:
			kept = append(kept, other)
		case other.Hash != "":
			p.hashes--
		}
	}
	if kept = then(kept); len(kept) > 0 {
		slices.SortFunc(kept, func(a, b Proof) int { return a.Version - b.Version })
		p.of.Store(credential, kept)
	} else {
		p.of.Delete(credential)
	}
	p.changes.Add(1)
}
