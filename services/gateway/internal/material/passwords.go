package material

import (
	"maps"
	"sync/atomic"
)

// Password is the argon2id hash of one version of a chosen password.
type Password struct {
	Version int
	PHC     string
}

// Passwords finds the hashes of a credential's chosen passwords. They are few:
// every change copies the map.
type Passwords struct {
	all atomic.Pointer[map[string][]Password]
}

// NewPasswords makes an empty set.
func NewPasswords() *Passwords {
	p := &Passwords{}
	p.all.Store(&map[string][]Password{})
	return p
}

// Of answers a credential's hashes; the slice is not to be changed.
func (p *Passwords) Of(credential string) []Password { return (*p.all.Load())[credential] }

// Any answers one hash of anybody, as a measure of what a verification costs.
func (p *Passwords) Any() (Password, bool) {
	for _, passwords := range *p.all.Load() {
		return passwords[0], true
	}
	return Password{}, false
}

// Len answers how many credentials have one.
func (p *Passwords) Len() int { return len(*p.all.Load()) }

// Put brings a hash into force, in place of an earlier one of the version.
func (p *Passwords) Put(credential string, password Password) {
	p.change(credential, func(kept []Password) []Password { return append(kept, password) }, password.Version)
}

// Remove takes a version out of force.
func (p *Passwords) Remove(credential string, version int) {
	if len(p.Of(credential)) > 0 {
		p.change(credential, func(kept []Password) []Password { return kept }, version)
	}
}

func (p *Passwords) change(credential string, then func([]Password) []Password, without int) {
	var kept []Password
	for _, other := range p.Of(credential) {
		if other.Version != without {
			kept = append(kept, other)
		}
	}
	next := maps.Clone(*p.all.Load())
	if kept = then(kept); len(kept) > 0 {
		next[credential] = kept
	} else {
		delete(next, credential)
	}
	p.all.Store(&next)
}
