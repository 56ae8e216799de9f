package access

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
)

// Credential is what the rule knows of a credential. There may be millions: it
// is laid out to be small, and its id lies beside it (inlined).
type Credential struct {
	ID string
	*Settings
	consumer       *party
	consumerNumber uint32 // its number, so that two look-ups can go on at once

	expires       moment
	retiringUntil moment
	secret        uint32 // the newest version
	retiring      uint32 // the one before, while it lives on; 0: none
	flags         credentialFlags
	replaced      uint32 //nolint:modernize // atomic, and copied by its one writer; 1: a newer state is in force
	history
}

// Settings is what many credentials have in common.
type Settings struct {
	Type      string
	Placement Placement
	Config    json.RawMessage // the type's settings, never a secret
	Hide      bool            // take the credential out before forwarding
	kind      Types
	name      string // what it is found by, of types that have that
	derived   atomic.Pointer[any]
}

// Derived answers what parse makes of the config. It is made once for each
// settings, so parse must be pure, and the one that whoever verifies the type has.
func (s *Settings) Derived(parse func(config json.RawMessage) any) any {
	if made := s.derived.Load(); made != nil {
		return *made
	}
	made := parse(s.Config)
	s.derived.Store(&made)
	return made
}

type credentialFlags uint8

const (
	credentialSuspended credentialFlags = 1 << iota
	credentialExpired                   // an event says so; later events can take it back
	credentialRevoked                   // final
	credentialSilent                    // even the newest secret is retired
)

// current says whether no newer state is in force.
func (c *Credential) current() bool { return atomic.LoadUint32(&c.replaced) == 0 }

// unknown is a credential before its first event.
var unknown = &Credential{Settings: &Settings{}, expires: never}

// inlined answers a copy whose id lies beside it, in the same two lines of the
// cache: most decisions meet a credential that is in none, and would wait for
// the text apart. Longer ids than ours do lie apart.
func (c *Credential) inlined(id string) *Credential {
	if len(id) > 32 {
		c = new(*c)
		c.ID = strings.Clone(id)
		return c
	}
	beside := &struct {
		Credential
		text [32]byte
	}{Credential: *c}
	copy(beside.text[:], id)
	beside.ID = unsafe.String(&beside.text[0], len(id)) // never written again
	return &beside.Credential
}

// known: the event that began it was folded.
func (c *Credential) known() bool { return c.consumer != nil }

// ConsumerID answers whose it is.
func (c *Credential) ConsumerID() string {
	if c.consumer == nil {
		return ""
	}
	return c.consumer.id
}

// ExpiresAt answers when it expires; the zero time: never.
func (c *Credential) ExpiresAt() time.Time { return c.expires.time() }

// Status answers active, suspended, revoked or expired, by the given clock.
func (c *Credential) Status(at time.Time) string {
	switch {
	case c.flags&credentialRevoked != 0:
		return "revoked"
	case c.expired(momentAt(at)):
		return "expired"
	case c.flags&credentialSuspended != 0:
		return "suspended"
	}
	return "active"
}

func (c *Credential) belong(to *party) { c.consumer, c.consumerNumber = to, to.number }

func (c *Credential) expired(at moment) bool {
	return c.flags&credentialExpired != 0 || at >= c.expires
}

// secretLive says whether a version of its secret authenticates at a moment.
func (c *Credential) secretLive(version int, at moment) bool {
	switch {
	case version < 1 || c.flags&(credentialRevoked|credentialSilent) != 0:
		return false
	case version == int(c.secret):
		return true
	}
	return version == int(c.retiring) && at < c.retiringUntil
}

func (s *Snapshot) findCredential(hash uint64, id string) *Credential {
	for p := s.credentials.probe(hash); p.next(); {
		if p.value.ID == id {
			return p.value
		}
	}
	return nil
}

// Credential answers what is known of a credential, whatever its status.
func (s *Snapshot) Credential(id string) (*Credential, bool) {
	c := s.findCredential(s.hash(id), id)
	if c == nil || !c.known() {
		return nil, false
	}
	return c, true
}

// SecretLive says whether a version of a credential's secret is live at a
// moment. It says nothing of the credential's own status, but that a revoked one
// has no live secret.
func (s *Snapshot) SecretLive(id string, version int, at time.Time) bool {
	c, ok := s.Credential(id)
	return ok && c.SecretLive(version, at)
}

// SecretLive is the snapshot's, of the credential as it is here.
func (c *Credential) SecretLive(version int, at time.Time) bool {
	return !c.broken() && c.secretLive(version, momentAt(at))
}

// SecretDead says whether a version of a credential's secret can never be live
// again: its material is to be erased and, if it comes again, ignored. A version
// of which nothing is known yet is not dead: material may come before its event.
func (s *Snapshot) SecretDead(id string, version int) bool {
	c, ok := s.Credential(id)
	switch {
	case !ok:
		return false
	case c.flags&credentialRevoked != 0:
		return true
	case version == int(c.secret):
		return c.flags&credentialSilent != 0
	}
	return version < int(c.secret) && version != int(c.retiring)
}

func (s *Snapshot) applyCredential(id string, e events.Envelope, data events.Data) {
	hash := s.hash(id)
	before := s.findCredential(hash, id)
	if before != nil && before.met(e) {
		return
	}
	next := unknown
	if before != nil {
		next = before
	}
	next = next.inlined(id)
	if next.advance(e, data) && s.foldCredential(next, data) {
		next.rest(e)
	}
	s.putCredential(hash, before, next)
}

// putCredential puts a state in force, and where and by what it is found.
func (s *Snapshot) putCredential(hash uint64, before, next *Credential) {
	s.credentials.put(hash, before, next)
	if before != nil {
		atomic.StoreUint32(&before.replaced, 1)
		s.sum.forget(before)
	}
	s.sum.remember(next)

	was, is := placed(before), placed(next)
	if was == is && nameable(before) == nameable(next) {
		return
	}
	if is != nil {
		s.count(is.Placement, is.kind, +1)
	}
	if was != nil {
		s.count(was.Placement, was.kind, -1)
	}
	s.rename(next.ID, nameable(before), nameable(next))
	s.moved(next.kind)
}

// placed answers where a credential may be in a call; nil: nowhere. A revoked one
// keeps its place: who shows it there is told that it is wrong, not that there is
// none.
func placed(c *Credential) *Settings {
	if c == nil || !c.known() {
		return nil
	}
	return c.Settings
}

// nameable answers by what name a credential is found; nil: by none.
func nameable(c *Credential) *Settings {
	if c == nil || c.flags&credentialRevoked != 0 {
		return nil
	}
	return placed(c)
}

// foldCredential answers whether the event says anything to the rule.
func (s *Snapshot) foldCredential(c *Credential, data events.Data) bool {
	if d, ok := data.(credential.Issued); ok && !c.known() {
		c.belong(s.party(d.ConsumerID))
		c.Settings = s.shared(d.Type, placementOf(d.Placement), d.Config, d.HideCredentials)
		c.expires, c.secret = momentOf(d.ExpiresAt), uint32(d.SecretVersion)
		return true
	}
	if !c.known() || c.flags&credentialRevoked != 0 {
		return false
	}
	switch d := data.(type) {
	case credential.Updated:
		return s.updateCredential(c, d)
	case credential.Rotated:
		c.secret, c.retiring, c.retiringUntil = uint32(d.SecretVersion), 0, 0
		c.flags &^= credentialSilent
		if d.RetiringNotAfter != nil {
			c.retiring, c.retiringUntil = uint32(d.RetiringVersion), momentOf(d.RetiringNotAfter)
		}
		if d.Config != nil {
			c.Settings = s.shared(c.Type, c.Placement, d.Config.After, c.Hide)
		}
	case credential.SecretRetired:
		switch uint32(d.SecretVersion) {
		case c.secret:
			c.flags |= credentialSilent
		case c.retiring:
			c.retiring, c.retiringUntil = 0, 0
		}
	case credential.Suspended:
		c.flags |= credentialSuspended
	case credential.Resumed:
		c.flags &^= credentialSuspended
	case credential.Expired:
		c.flags |= credentialExpired
	case credential.Revoked:
		c.flags |= credentialRevoked
		c.retiring, c.retiringUntil = 0, 0
	default:
		return false
	}
	return true
}

func (s *Snapshot) updateCredential(c *Credential, d credential.Updated) bool {
	if d.ExpiresAt != nil {
		c.expires = momentOf(d.ExpiresAt.After)
		c.flags &^= credentialExpired // the new end counts, by the clock
	}
	if d.Placement != nil || d.Config != nil || d.HideCredentials != nil {
		at := c.Placement
		if d.Placement != nil {
			at = placementOf(d.Placement.After)
		}
		c.Settings = s.shared(c.Type, at, d.Config.Apply(c.Config), d.HideCredentials.Apply(c.Hide))
	}
	return d.ExpiresAt != nil || d.Placement != nil || d.Config != nil || d.HideCredentials != nil
}
