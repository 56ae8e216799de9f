// Package secret makes, seals and recognises secrets.
//
// A Ring holds the organisation's sealing keys and peppers. Services seal with
// it what must rest in a database or travel to gateways; gateways open it and
// digest what callers present. Beside the ring there are the shapes of generated
// secrets, argon2id for chosen passwords, and keys of their own for personal
// data.
//
// It does not promise to keep secrets out of this process's memory, nor that
// they are wiped from it. Whatever can print a secret prints "[secret]".
package secret

import (
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Ring is a set of versioned keys: sealing keys and peppers, one active of each.
//
//  1. LoadOrCreate or Load reads it from its file; New makes one without a file.
//  2. Add puts a new key beside the active one; every process lists it (KeyIDs)
//     once it has re-read the file (Watch, Reload).
//  3. Activate makes it the one that seals or digests from now on; the older
//     one goes on opening and recognising.
//  4. Retire destroys the older one, when nothing rests on it any more.
//
// All methods may be called at the same time; readers take no lock.
type Ring struct {
	path   string
	driver Driver

	mu   sync.Mutex        // held while the keys are changed
	seen [sha256.Size]byte // of the file that they were read from
	keys atomic.Pointer[keys]
}

// keys is one immutable state of a ring.
type keys struct {
	all     []key
	seal    key // the active one
	ciphers map[string]cipher.AEAD
	peppers []*pepper // the active one first
}

// New makes a ring of fresh keys that lives in memory alone: for tests, and for
// what need not outlive the process.
func New() *Ring {
	r := &Ring{}
	r.set(fresh())
	return r
}

// KeyIDs answers the ids of all keys, in order. They are no secret.
func (r *Ring) KeyIDs() []string {
	all := r.keys.Load().all
	ids := make([]string, len(all))
	for i, k := range all {
		ids[i] = k.ID
	}
	slices.Sort(ids)
	return ids
}

// Active answers the id of the key that is used from now on.
func (r *Ring) Active(use Use) string {
	k := r.keys.Load()
	if use == Pepper {
		return k.peppers[0].id
	}
	return k.seal.ID
}

// set puts another state in force; it must be valid.
func (r *Ring) set(all []key) { r.keys.Store(build(all)) }

func build(all []key) *keys {
	k := &keys{all: all, ciphers: map[string]cipher.AEAD{}}
	for _, each := range all {
		switch each.Use {
		case Sealing:
			k.ciphers[each.ID] = newCipher(each.Key)
			if each.Active {
				k.seal = each
			}
		case Pepper:
			p := newPepper(each)
			if each.Active {
				k.peppers = slices.Insert(k.peppers, 0, p)
			} else {
				k.peppers = append(k.peppers, p)
			}
		}
	}
	return k
}

// Format keeps keys out of logs, whatever the verb.
func (r *Ring) Format(f fmt.State, _ rune) { redact(f) }
