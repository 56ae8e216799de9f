package authn

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sync/singleflight"

	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// patience bounds the wait for a turn: slow hashes are computed on as many cores
// as there are, and no more at once.
const patience = 5 * time.Second

// passwords verifies chosen passwords. A slow hash takes some 20 ms, so a right
// password is believed from then on, for as long as its proof is in force; those
// who show it for the first time at once share one computation. What is remembered
// is an HMAC over the hash and the password, under a key of this process's own.
// Wrong passwords are not remembered.
type passwords struct {
	macs   sync.Pool
	flight singleflight.Group
	slowly func(hash, password string) bool
}

type passwordMAC struct {
	hash.Hash
	sum [sha256.Size]byte // here, so that it does not escape to the heap
}

func newPasswords() *passwords {
	var key [sha256.Size]byte
	_, _ = rand.Read(key[:])
	p := &passwords{slowly: slowly}
	p.macs.New = func() any { return &passwordMAC{Hash: hmac.New(sha256.New, key[:])} }
	return p
}

// verify says whether a password is the one of a proof. It takes no context: the
// call that asks is in a buffer that the server uses again, and must not be held
// on to.
func (p *passwords) verify(proof *material.Proof, password string) bool {
	m := p.macs.Get().(*passwordMAC)
	defer p.macs.Put(m)
	m.Reset()
	_, _ = m.Write(bytesOf(proof.Hash)) // holds no NUL
	_, _ = m.Write(nul)
	_, _ = m.Write(bytesOf(password))
	m.Sum(m.sum[:0])
	if known := proof.Verified.Load(); known != nil && subtle.ConstantTimeCompare(known[:], m.sum[:]) == 1 {
		return true
	}
	right, _, _ := p.flight.Do(string(m.sum[:]), func() (any, error) { return p.slowly(proof.Hash, password), nil })
	if right != true {
		return false
	}
	sum := m.sum
	proof.Verified.Store(&sum)
	return true
}

// slowly computes the slow hash; false too when its turn did not come in time.
func slowly(hash, password string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	right, err := secret.VerifyPasswordContext(ctx, hash, password)
	return right && err == nil
}

var nul = []byte{0}

// bytesOf answers the bytes of a text, which are only read.
func bytesOf(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }
