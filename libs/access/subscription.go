package access

import (
	"slices"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
)

// Subscription is what the rule knows of a subscription.
type Subscription struct {
	// What decisions look at comes first: it fills one line of the cache.
	consumer *party
	service  *provider
	expires  moment
	// CredentialIDs is which credentials may use it, in order; nil: every one of
	// the consumer, empty: none.
	CredentialIDs []string
	status        subscriptionStatus
	history

	ID        string
	PlanID    string
	older     *Subscription // of the same consumer and service, not final
	requested int64         // position of its request: what makes one newer than another
}

type subscriptionStatus uint8

const (
	subscriptionUnknown subscriptionStatus = iota
	subscriptionPending
	subscriptionActive
	subscriptionSuspended
	subscriptionExpired
	subscriptionRejected // this one and all below are final
	subscriptionWithdrawn
	subscriptionCancelled
	subscriptionRevoked
)

func (s subscriptionStatus) String() string {
	return [...]string{"unknown", "pending", "active", "suspended", "expired", "rejected", "withdrawn", "cancelled", "revoked"}[s]
}

func (s subscriptionStatus) final() bool { return s >= subscriptionRejected }

// pair is who calls what, by their numbers. It is the hash of the table of
// pairs, and no two are the same.
type pair uint64

func pairOf(consumer, service uint32) pair {
	return pair(scramble(uint64(consumer)<<32 | uint64(service)))
}

// known: the event that began it was folded.
func (u *Subscription) known() bool { return u.status != subscriptionUnknown }

// ConsumerID answers whose it is.
func (u *Subscription) ConsumerID() string {
	if u.consumer == nil {
		return ""
	}
	return u.consumer.id
}

// ServiceID answers what it is to.
func (u *Subscription) ServiceID() string {
	if u.service == nil {
		return ""
	}
	return u.service.id
}

// ExpiresAt answers when it expires; the zero time: never.
func (u *Subscription) ExpiresAt() time.Time { return u.expires.time() }

// Status answers the contract's word for its status, by the given clock.
func (u *Subscription) Status(at time.Time) string { return u.at(momentAt(at)).String() }

// at is the status by a clock: what has ended is expired, also before an event
// says so.
func (u *Subscription) at(now moment) subscriptionStatus {
	if (u.status == subscriptionActive || u.status == subscriptionSuspended) && now >= u.expires {
		return subscriptionExpired
	}
	return u.status
}

// assigned says whether a credential may use it.
func (u *Subscription) assigned(credential string) bool {
	if u.CredentialIDs == nil {
		return true
	}
	_, found := slices.BinarySearch(u.CredentialIDs, credential)
	return found
}

func (s *Snapshot) findSubscription(hash uint64, id string) *Subscription {
	for p := s.subscriptions.probe(hash); p.next(); {
		if p.value.ID == id {
			return p.value
		}
	}
	return nil
}

// newest answers the head of the list of a consumer's subscriptions to a
// service, and until when it is plainly open.
func (s *Snapshot) newest(of pair) (head *Subscription, until moment) {
	p := s.pairs.probe(uint64(of))
	if !p.next() {
		return nil, unmarked
	}
	return p.value, moment(p.mark)
}

// open answers until when a subscription that heads its list needs no closer
// look: it is active for every credential.
func (u *Subscription) open() int64 {
	if u.status == subscriptionActive && u.CredentialIDs == nil && !u.broken() {
		return int64(u.expires)
	}
	return unmarked
}

// Subscription answers what is known of a subscription, whatever its status.
func (s *Snapshot) Subscription(id string) (*Subscription, bool) {
	u := s.findSubscription(s.hash(id), id)
	if u == nil || !u.known() {
		return nil, false
	}
	return u, true
}

// counting answers the subscription that counts, of a list: the one that is
// active, else the newest that is not final, else nil.
func counting(head *Subscription, now moment) *Subscription {
	var newest *Subscription
	for u := head; u != nil; u = u.older {
		if u.broken() || u.status.final() {
			continue
		}
		if u.at(now) == subscriptionActive {
			return u
		}
		if newest == nil {
			newest = u
		}
	}
	return newest
}

func (s *Snapshot) applySubscription(id string, e events.Envelope, data events.Data) {
	hash := s.hash(id)
	before := s.findSubscription(hash, id)
	if before != nil && before.met(e) {
		return
	}
	next := new(Subscription)
	if before != nil {
		*next = *before
	} else {
		*next = Subscription{ID: strings.Clone(id), expires: never}
	}
	if next.advance(e, data) && s.foldSubscription(next, e, data) {
		next.rest(e)
	}
	s.putSubscription(hash, before, next)
}

func (s *Snapshot) putSubscription(hash uint64, before, next *Subscription) {
	if next.known() {
		s.enlist(next)
	}
	s.subscriptions.put(hash, before, next)
	if before != nil {
		s.sum.forget(before)
	}
	s.sum.remember(next)
}

// enlist puts a subscription's new state among those of its consumer and
// service: newest first, without the final ones, of which one stays only to hold
// an empty place. States are immutable, so those that are newer than it are
// copied; there is hardly ever one.
func (s *Snapshot) enlist(next *Subscription) {
	of := pairOf(next.consumer.number, next.service.number)
	head, _ := s.newest(of)
	var all []*Subscription
	for u := head; u != nil; u = u.older {
		if u.ID != next.ID && !u.status.final() {
			all = append(all, u)
		}
	}
	next.older = nil
	if !next.status.final() || len(all) == 0 {
		at, _ := slices.BinarySearchFunc(all, next, func(u, next *Subscription) int {
			if u.requested > next.requested {
				return -1
			}
			return 1
		})
		all = slices.Insert(all, at, next)
	}
	var older *Subscription
	for _, u := range slices.Backward(all) {
		if u.older != older {
			if u != next {
				copied := new(*u)
				s.subscriptions.put(s.hash(u.ID), u, copied)
				u = copied
			}
			u.older = older
		}
		older = u
	}
	s.pairs.putMarked(uint64(of), head, older, older.open())
}

// foldSubscription answers whether the event says anything to the rule. An event
// that does not fit the status changes nothing: what was withdrawn cannot be
// approved.
func (s *Snapshot) foldSubscription(u *Subscription, e events.Envelope, data events.Data) bool {
	if d, ok := data.(subscription.Requested); ok && !u.known() {
		u.consumer, u.service = s.party(d.ConsumerID), s.provider(d.ServiceID)
		u.PlanID, u.requested, u.status = s.word(d.PlanID), e.Position, subscriptionPending
		u.assign(d.CredentialIDs)
		return true
	}
	if !u.known() || u.status.final() {
		return false
	}
	switch d := data.(type) {
	case subscription.Approved:
		if !u.move(subscriptionActive, subscriptionPending) {
			return false
		}
		u.PlanID, u.expires = s.word(d.PlanID), momentOf(d.ExpiresAt)
	case subscription.Suspended:
		return u.move(subscriptionSuspended, subscriptionActive)
	case subscription.Resumed:
		return u.move(subscriptionActive, subscriptionSuspended)
	case subscription.Expired:
		return u.move(subscriptionExpired, subscriptionActive, subscriptionSuspended)
	case subscription.Renewed:
		if u.status == subscriptionPending {
			return false
		}
		u.expires = momentOf(d.ExpiresAt)
		u.move(subscriptionActive, subscriptionExpired)
	case subscription.Rejected:
		u.status = subscriptionRejected
	case subscription.Withdrawn:
		u.status = subscriptionWithdrawn
	case subscription.Cancelled:
		u.status = subscriptionCancelled
	case subscription.Revoked:
		u.status = subscriptionRevoked
	case subscription.CredentialsAssigned:
		u.assign(d.CredentialIDs)
	default:
		return false
	}
	return true
}

// move changes the status, if it is one of those that lead there.
func (u *Subscription) move(to subscriptionStatus, from ...subscriptionStatus) bool {
	if !slices.Contains(from, u.status) {
		return false
	}
	u.status = to
	return true
}

func (u *Subscription) assign(ids *[]string) {
	if ids == nil {
		u.CredentialIDs = nil
		return
	}
	u.CredentialIDs = append(make([]string, 0, len(*ids)), *ids...)
	slices.Sort(u.CredentialIDs)
}
