package access

import (
	"net/netip"
	"time"

	"github.com/tidegate-io/tidegate/events/catalog"
)

// Request is a call of which the caller's secret has been verified. What is left
// empty denies, except in a dry one.
type Request struct {
	Service       *Service // from a Route of the same snapshot
	Credential    string   // its id
	SecretVersion int      // the version that verified
	In            Placement
	Address       netip.Addr // where the call comes from
	At            time.Time  // by the clock of whoever decides

	// Dry asks a question instead: SecretVersion, In and Address, when empty,
	// count as right. Without a Credential it asks for any credential of
	// Consumer. Never set it for a call.
	Dry      bool
	Consumer string
}

// Decision is the answer. The objects are there as far as the judgement got,
// also in a refusal; only Allowed says that they may be acted on.
type Decision struct {
	Code         Code // Allowed, or the first reason against it
	Status       int  // HTTP, of Code
	Consumer     *Consumer
	Credential   *Credential
	Subscription *Subscription
	Plan         *catalog.Plan // nil: the service no longer has it
}

// Allowed says that the call may go through, as far as the rule goes: limits
// come after it.
func (d *Decision) Allowed() bool { return d.Code == Allowed }

// Decide judges a call: its service, its credential (401), its consumer (403),
// the subscription (403), the address (403); the first that fails gives the
// code.
func (s *Snapshot) Decide(q Request) Decision {
	var d Decision
	now := momentAt(q.At)
	if d.Code = judgeService(&q); d.Code == Allowed {
		d.Code = s.judgeCredential(&q, &d, now)
	}
	if d.Code == Allowed {
		d.Code = s.judgeConsumer(&q, &d)
	}
	if d.Code == Allowed {
		d.Code = s.judgeSubscription(&q, &d, now)
	}
	if d.Code == Allowed {
		d.Code = judgeAddress(&q, &d)
	}
	d.Status = d.Code.Status()
	return d
}

// judgeService: a service that is not routed is not there; one of which an event
// could not be read cannot be judged.
func judgeService(q *Request) Code {
	switch v := q.Service; {
	case v == nil || !v.routed():
		return RouteNotFound
	case v.broken():
		return ProjectionStale
	}
	return Allowed
}

// judgeCredential: everything that is wrong with a credential has one answer,
// except what its rightful owner is told.
func (s *Snapshot) judgeCredential(q *Request, d *Decision, now moment) Code {
	if q.Dry && q.Credential == "" {
		return Allowed
	}
	c := s.credentials.get(s.hash(q.Credential), q.Credential)
	if c == nil || !c.known() {
		return CredentialInvalid
	}
	d.Credential = c
	switch {
	case c.broken(),
		c.flags&credentialRevoked != 0,
		!q.Service.accepts.Has(c.kind),
		!c.Placement.matches(q.In) && !(q.Dry && q.In == Placement{}),
		!c.secretLive(q.SecretVersion, now) && !(q.Dry && q.SecretVersion == 0):
		return CredentialInvalid
	case c.expired(now):
		return CredentialExpired
	case c.flags&credentialSuspended != 0:
		return CredentialSuspended
	}
	return Allowed
}

// judgeConsumer: a credential of a consumer that is not known, or deleted, is
// not a credential.
func (s *Snapshot) judgeConsumer(q *Request, d *Decision) Code {
	var at *cell[Consumer]
	if d.Credential != nil {
		at = d.Credential.consumer
	} else {
		at = s.consumers.get(s.hash(q.Consumer), q.Consumer)
	}
	if at == nil {
		return CredentialInvalid
	}
	c := at.state.Load()
	if c == nil || !c.known() {
		return CredentialInvalid
	}
	d.Consumer = c
	switch {
	case c.broken() || c.status == consumerDeleted:
		return CredentialInvalid
	case c.status == consumerSuspended:
		return ConsumerSuspended
	}
	return Allowed
}

// judgeSubscription: the one that counts must be active and admit the
// credential.
func (s *Snapshot) judgeSubscription(q *Request, d *Decision, now moment) Code {
	if d.Consumer == nil {
		return NotSubscribed
	}
	u := s.counting(pair{d.Consumer.cell, q.Service.cell}, now)
	if u == nil {
		return NotSubscribed
	}
	d.Subscription = u
	d.Plan = q.Service.Plan(u.PlanID)
	switch u.at(now) {
	case subscriptionActive:
		if d.Credential != nil && !u.assigned(d.Credential.ID) {
			return CredentialNotAssigned
		}
		return Allowed
	case subscriptionPending:
		return SubscriptionPending
	case subscriptionSuspended:
		return SubscriptionSuspended
	case subscriptionExpired:
		return SubscriptionExpired
	}
	return NotSubscribed
}

func judgeAddress(q *Request, d *Decision) Code {
	if d.Consumer == nil || q.Dry && !q.Address.IsValid() || d.Consumer.Limits.admits(q.Address) {
		return Allowed
	}
	return IPNotAllowed
}
