package httpapi

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Objects of the management API.
const (
	Consumer       ObjectKind = "consumer"
	Credential     ObjectKind = "credential"
	Service        ObjectKind = "service"
	Subscription   ObjectKind = "subscription"
	Audit          ObjectKind = "audit" // audit events, access questions, decisions
	Webhook        ObjectKind = "webhook"
	Gateway        ObjectKind = "gateway"
	KeyRing        ObjectKind = "key_ring"
	ServiceAccount ObjectKind = "service_account"
	Operations     ObjectKind = "operations" // parked messages
)

// ObjectKind is what is acted on.
type ObjectKind string

// Verb is what is done.
type Verb string

// The verbs. Of a subscription, Write is the consumer's side (request,
// withdraw, cancel, ask for renewal, assign credentials) and Decide the
// provider's (approve, reject, suspend, resume, revoke, renew, as_provider).
const (
	Read   Verb = "read"
	Write  Verb = "write"
	Decide Verb = "decide"
)

// Access is a question: may the caller do this?
type Access struct {
	Object ObjectKind
	Verb   Verb
	// Team owns the consumer, credential or webhook; of a subscription or an
	// audited fact, it is the consumer's team.
	Team string
	// ProviderTeam owns the service; of a subscription or an audited fact, it
	// is the service's team.
	ProviderTeam string
	// Public: the service is published or deprecated, and visible to all.
	Public bool
	// New: the object does not exist yet, so there is nothing to hide and what
	// may not be done is ErrForbidden.
	New bool
}

// side says through which team a role reaches an object.
type side int

const (
	nobody   side = iota
	consumer      // who belongs to Team
	provider      // who belongs to ProviderTeam
	either        // who belongs to one of them
)

// rule is a row of the table: what developers and providers may read and do.
// Public services are read by every role besides. Administrators may do all
// and auditors read all, but for what is closed to auditors.
type rule struct {
	read, write, decide map[Role]side
	open                bool // it is no secret that it exists: 403, never 404
	closed              bool // administrators alone
}

// rules is the contract's table of who may do what.
var rules = map[ObjectKind]rule{
	Consumer: {
		read:  map[Role]side{Developer: consumer},
		write: map[Role]side{Developer: consumer},
	},
	Credential: {
		read:  map[Role]side{Developer: consumer},
		write: map[Role]side{Developer: consumer},
	},
	Service: {
		read:  map[Role]side{Developer: provider, Provider: provider},
		write: map[Role]side{Provider: provider},
	},
	Subscription: {
		read:   map[Role]side{Developer: consumer, Provider: provider},
		write:  map[Role]side{Developer: consumer},
		decide: map[Role]side{Provider: provider},
	},
	Audit: {
		read: map[Role]side{Developer: either, Provider: either},
	},
	Webhook: {
		read:  map[Role]side{Developer: consumer, Provider: consumer},
		write: map[Role]side{Developer: consumer, Provider: consumer},
	},
	Gateway:        {open: true},
	KeyRing:        {open: true},
	ServiceAccount: {open: true},
	Operations:     {open: true, closed: true},
}

// Authorize answers nil, es.ErrNotFound when the caller may not even read the
// object, or ErrForbidden when it may read it (or there is nothing to read yet)
// and not do this.
func Authorize(ctx context.Context, a Access) error {
	caller := CallerFrom(ctx)
	row := rules[a.Object]
	if caller.Is(Admin) || row.allows(caller, a) {
		return nil
	}
	reading := a
	reading.Verb = Read
	if a.New || row.open || row.allows(caller, reading) {
		return ErrForbidden
	}
	return es.ErrNotFound
}

func (r rule) allows(caller Caller, a Access) bool {
	grants := r.read
	switch a.Verb {
	case Write:
		grants = r.write
	case Decide:
		grants = r.decide
	case Read:
		if caller.Is(Auditor) && !r.closed {
			return true
		}
		if a.Public && caller.Is(Roles...) {
			return true
		}
	}
	for role, through := range grants {
		if caller.Is(role) && through.reaches(caller, a) {
			return true
		}
	}
	return false
}

func (s side) reaches(caller Caller, a Access) bool {
	switch s {
	case consumer:
		return caller.In(a.Team)
	case provider:
		return caller.In(a.ProviderTeam)
	case either:
		return caller.In(a.Team) || caller.In(a.ProviderTeam)
	default:
		return false
	}
}
