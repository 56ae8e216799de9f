// Package domain holds the rules of subscriptions: which consumer may use which
// service, and what was decided about it.
//
//	            -> pending | active     Request
//	pending     -> active               Approve
//	pending     -> rejected             Reject
//	pending     -> withdrawn            Withdraw
//	active     <-> suspended            Suspend, Resume
//	active, suspended -> cancelled      Cancel
//	active, suspended -> revoked        Revoke
//	active, suspended -> expired        Expire: its end has passed
//	expired     -> active               Renew, within the grace
//
// A renewal that the service does not grant at once waits for Approve or Reject
// while the status stays as it is. When the consumer is deleted or the service
// retired, whatever is live (pending too) becomes cancelled or revoked.
//
// One subscription of a consumer to a service is live (pending, active or
// suspended) at a time: that is a claim, made and given up by Effects in the
// append transaction. An expired one has given it up and needs it to come back.
package domain

import (
	"slices"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Status is where a subscription is in its life.
type Status string

// The statuses of a subscription. The zero value means that there is none.
const (
	Pending   Status = "pending"
	Active    Status = "active"
	Suspended Status = "suspended"
	Expired   Status = "expired"
	Rejected  Status = "rejected"  // final
	Withdrawn Status = "withdrawn" // final
	Cancelled Status = "cancelled" // final
	Revoked   Status = "revoked"   // final
)

// Statuses are all of them.
var Statuses = []Status{Pending, Active, Suspended, Expired, Rejected, Withdrawn, Cancelled, Revoked}

// Live says whether it keeps another subscription of the same consumer to the
// same service from being made.
func (s Status) Live() bool { return slices.Contains([]Status{Pending, Active, Suspended}, s) }

// Granted says whether it was approved and has not ended.
func (s Status) Granted() bool { return s == Active || s == Suspended }

// Final says whether nothing can follow.
func (s Status) Final() bool { return s != "" && s != Expired && !s.Live() }

// State is a subscription as its events tell it.
type State struct {
	Concerns      events.Concerns
	Status        Status
	PlanID        string
	CredentialIDs *[]string  // nil: every credential of the consumer
	ExpiresAt     *time.Time // nil: never
	Renewal       *time.Time // the end that is asked for; nil: no renewal waits
	// HeldBack: it was suspended when it expired, so that only the provider may
	// bring it back.
	HeldBack bool
}

// Exists says whether the id was ever used.
func (s State) Exists() bool { return s.Status != "" }

// Decider is the domain of one subscription.
var Decider = es.Decider[State, Command]{
	Category: "subscription",
	Decide:   decide,
	Evolve:   evolve,
}

// LiveScope is the scope of the claims on consumer and service.
const LiveScope = "subscription"

// Effects claims a consumer's place at a service while the subscription is
// live, and gives it up when it is not.
func Effects(before, after State) es.Effects {
	if before.Status.Live() == after.Status.Live() {
		return es.Effects{}
	}
	return es.Effects{Claims: []es.Claim{{
		Scope:   LiveScope,
		Value:   after.Concerns.ConsumerID + "/" + after.Concerns.ServiceID, // neither holds a slash
		Release: !after.Status.Live(),
	}}}
}
