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
	ID     string
	PlanID string
	// CredentialIDs is which credentials may use it, in order; nil: every one of
	// the consumer, empty: none.
	CredentialIDs []string

	consumer  *cell[Consumer]
	service   *cell[Service]
	older     *Subscription // of the same consumer and service, not final
	expires   moment
	requested int64 // position of its request: what makes one newer than another
	status    subscriptionStatus
	history
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

// pair is who calls what.
type pair struct {
	consumer *cell[Consumer]
	service  *cell[Service]
}

func (p pair) hash() uint64 { return mix(p.consumer.hash, p.service.hash) }

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

// Subscription answers what is known of a subscription, whatever its status.
func (s *Snapshot) Subscription(id string) (*Subscription, bool) {
	u := s.subscriptions.get(s.hash(id), id)
	if u == nil || !u.known() {
		return nil, false
	}
	return u, true
}

// counting answers the subscription that counts for a consumer and a service:
// the one that is active, else the newest that is not final, else nil.
func (s *Snapshot) counting(p pair, now moment) *Subscription {
	var newest *Subscription
	for u := s.pairs.get(p.hash(), p); u != nil; u = u.older {
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
	before := s.subscriptions.get(hash, id)
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
	if next.consumer != nil && next.service != nil {
		s.enlist(next)
	}
	s.subscriptions.set(hash, next.ID, next)
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
	p := pair{next.consumer, next.service}
	var all []*Subscription
	for u := s.pairs.get(p.hash(), p); u != nil; u = u.older {
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
				u = new(*u)
				s.subscriptions.set(s.hash(u.ID), u.ID, u)
			}
			u.older = older
		}
		older = u
	}
	s.pairs.set(p.hash(), p, older)
}

// foldSubscription answers whether the event says anything to the rule. An event
// that does not fit the status changes nothing: what was withdrawn cannot be
// approved.
func (s *Snapshot) foldSubscription(u *Subscription, e events.Envelope, data events.Data) bool {
	if u.status.final() {
		return false
	}
	before := u.status
	switch d := data.(type) {
	case subscription.Requested:
		u.consumer, u.service = s.consumer(d.ConsumerID), s.service(d.ServiceID)
		u.PlanID, u.requested, u.status = s.word(d.PlanID), e.Position, subscriptionPending
		u.assign(d.CredentialIDs)
	case subscription.Approved:
		if before == subscriptionPending {
			u.PlanID, u.expires, u.status = s.word(d.PlanID), momentOf(d.ExpiresAt), subscriptionActive
		}
	case subscription.Rejected:
		u.status = subscriptionRejected
	case subscription.Withdrawn:
		u.status = subscriptionWithdrawn
	case subscription.Suspended:
		if before == subscriptionActive {
			u.status = subscriptionSuspended
		}
	case subscription.Resumed:
		if before == subscriptionSuspended {
			u.status = subscriptionActive
		}
	case subscription.Expired:
		if before == subscriptionActive || before == subscriptionSuspended {
			u.status = subscriptionExpired
		}
	case subscription.Renewed:
		if before != subscriptionPending {
			u.expires = momentOf(d.ExpiresAt)
		}
		if before == subscriptionExpired {
			u.status = subscriptionActive
		}
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

func (u *Subscription) assign(ids *[]string) {
	if ids == nil {
		u.CredentialIDs = nil
		return
	}
	u.CredentialIDs = append(make([]string, 0, len(*ids)), *ids...)
	slices.Sort(u.CredentialIDs)
}
