package access

import (
	"net/netip"
	"time"

	"github.com/tidegate-io/tidegate/events/catalog"
)

// Request is a call of which the caller's secret has been verified. What is left
// empty denies, except in a dry one.
type Request struct {
	Service    *Service // from a Route of the same snapshot
	Credential string   // its id
	// Known is the credential as this snapshot has just answered it, so that it
	// need not be looked up again; nil: it is looked up. One that was replaced
	// meanwhile is.
	Known         *Credential
	SecretVersion int // the version that verified
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
	Service      *Service
	Consumer     *Consumer
	Credential   *Credential
	Subscription *Subscription
	// Limited says that the consumer, or a plan of the service, has a rate or a
	// quota. When it is false neither object need be looked at for limits.
	Limited bool
}

// Allowed says that the call may go through, as far as the rule goes: limits
// come after it.
func (d *Decision) Allowed() bool { return d.Code == Allowed }

// Plan answers the plan that was subscribed to; nil when there is no
// subscription, or the service no longer has it.
func (d *Decision) Plan() *catalog.Plan {
	if d.Subscription == nil {
		return nil
	}
	return d.Service.Plan(d.Subscription.PlanID)
}

// Decide judges a call: its service, its credential (401), its consumer (403),
// the subscription (403), the address (403); the first that fails gives the
// code.
func (s *Snapshot) Decide(q Request) Decision {
	j := judgement{s: s, now: momentAt(q.At), Decision: Decision{Service: q.Service}}
	if j.Code = j.service(); j.Code == Allowed {
		j.Code = j.credential(&q)
	}
	if j.Code == Allowed {
		j.Code = j.consumer()
	}
	if j.Code == Allowed {
		j.Code = j.subscription()
	}
	if j.Code == Allowed {
		j.Code = j.address(&q)
	}
	j.Limited = j.Code == Allowed && (j.standing != openParty || j.Service.limited)
	j.Status = j.Code.Status()
	return j.Decision
}

// judgement is a decision in the making. Each step needs those before it to have
// been taken, but not to have passed. It holds no pointers to what is on the
// stack, or that would be on the heap.
type judgement struct {
	Decision
	s        *Snapshot
	now      moment
	caller   *party
	number   uint32 // of caller
	standing standing
}

// A service that is not routed is not there; one of which an event could not be
// read cannot be judged.
func (j *judgement) service() Code {
	switch v := j.Service; {
	case v == nil || !v.live:
		return RouteNotFound
	case v.broken():
		return ProjectionStale
	}
	return Allowed
}

// Everything that is wrong with a credential has one answer, except what its
// rightful owner is told.
func (j *judgement) credential(q *Request) Code {
	if q.Dry && q.Credential == "" {
		if j.caller = j.s.findParty(j.s.hash(q.Consumer), q.Consumer); j.caller != nil {
			j.number = j.caller.number
		}
		return Allowed
	}
	c := q.Known
	if c == nil || c.ID != q.Credential || !c.current() {
		c = j.s.findCredential(j.s.hash(q.Credential), q.Credential)
	}
	if c == nil || !c.known() {
		return CredentialInvalid
	}
	j.Credential, j.caller, j.number = c, c.consumer, c.consumerNumber
	inPlace := c.Placement.matches(q.In) || q.Dry && q.In == Placement{}
	live := c.secretLive(q.SecretVersion, j.now) || q.Dry && q.SecretVersion == 0
	switch {
	case c.broken(), c.flags&credentialRevoked != 0, !j.Service.accepts.Has(c.kind), !inPlace, !live:
		return CredentialInvalid
	case c.expired(j.now):
		return CredentialExpired
	case c.flags&credentialSuspended != 0:
		return CredentialSuspended
	}
	return Allowed
}

// A credential of a consumer that is not known, or deleted, is not a credential.
func (j *judgement) consumer() Code {
	if j.caller == nil {
		return CredentialInvalid
	}
	j.standing = standing(j.caller.standing.Load())
	j.Consumer = j.caller.state.Load()
	switch j.standing {
	case unknownParty:
		return CredentialInvalid
	case suspendedParty:
		return ConsumerSuspended
	default:
		return Allowed
	}
}

// The subscription that counts must be active and admit the credential.
func (j *judgement) subscription() Code {
	if j.caller == nil || j.Service.at == nil {
		return NotSubscribed
	}
	head, until := j.s.newest(pairOf(j.number, j.Service.at.number))
	if j.now < until {
		j.Subscription = head
		return Allowed
	}
	u := counting(head, j.now)
	if u == nil {
		return NotSubscribed
	}
	j.Subscription = u
	switch u.at(j.now) {
	case subscriptionActive:
		if j.Credential != nil && !u.assigned(j.Credential.ID) {
			return CredentialNotAssigned
		}
		return Allowed
	case subscriptionPending:
		return SubscriptionPending
	case subscriptionSuspended:
		return SubscriptionSuspended
	case subscriptionExpired:
		return SubscriptionExpired
	default:
		return NotSubscribed
	}
}

// Most consumers may call from anywhere and need not be looked at.
func (j *judgement) address(q *Request) Code {
	if j.standing == openParty || j.standing == limitedParty || j.Consumer == nil || q.Dry && !q.Address.IsValid() || j.Consumer.Limits.admits(q.Address) {
		return Allowed
	}
	return IPNotAllowed
}
