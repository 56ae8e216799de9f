// Package subscription holds the events of the subscription context: which
// consumer asked for which service, and what was decided.
package subscription

import (
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// Events is the subscription context's event types.
var Events = events.Set{
	events.Of[Requested](1),
	events.Of[Approved](1),
	events.Of[Rejected](1),
	events.Of[Withdrawn](1),
	events.Of[Suspended](1),
	events.Of[Resumed](1),
	events.Of[Cancelled](1),
	events.Of[Revoked](1),
	events.Of[RenewalRequested](1),
	events.Of[RenewalRejected](1),
	events.Of[Renewed](1),
	events.Of[Expired](1),
	events.Of[CredentialsAssigned](1),
}

// How an approval came about.
const (
	ApprovedManually   = "manual"      // a person of the provider's team
	ApprovedByService  = "auto"        // the service approves by itself
	ApprovedByPolicy   = "policy"      // the service's policy said yes
	ApprovedAsProvider = "as_provider" // the provider subscribed the consumer
)

// Requested: a consumer asks for a service. CredentialIDs nil means every
// credential of the consumer; an empty list admits none.
type Requested struct {
	events.Concerns
	ConsumerName  string    `json:"consumer_name,omitempty"`
	ServiceName   string    `json:"service_name,omitempty"`
	PlanID        string    `json:"plan_id"`
	CredentialIDs *[]string `json:"credential_ids"`
	Reason        string    `json:"reason,omitempty"`
	AsProvider    bool      `json:"as_provider,omitempty"`
}

// Approved: the subscription is active from now on.
type Approved struct {
	events.Concerns
	PlanID    string     `json:"plan_id"`
	Mode      string     `json:"mode"`
	Comment   string     `json:"comment,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// Rejected is final: the provider refused.
type Rejected struct {
	events.Concerns
	Reason string `json:"reason"`
}

// Withdrawn is final: the consumer's team took its request back.
type Withdrawn struct{ events.Concerns }

// Suspended: calls are refused until it is resumed.
type Suspended struct {
	events.Concerns
	Reason string `json:"reason,omitempty"`
}

// Resumed: it is active again.
type Resumed struct{ events.Concerns }

// Cancelled is final: the consumer's team ended it, or the consumer is gone.
type Cancelled struct {
	events.Concerns
	Reason string `json:"reason,omitempty"`
}

// Revoked is final: the provider ended it, or the service was retired.
type Revoked struct {
	events.Concerns
	Reason string `json:"reason,omitempty"`
}

// RenewalRequested: the consumer's team asks for a later end; the status stays.
type RenewalRequested struct {
	events.Concerns
	ExpiresAt time.Time `json:"expires_at"`
}

// RenewalRejected: the provider refused the renewal; the status stays.
type RenewalRejected struct {
	events.Concerns
	Reason string `json:"reason"`
}

// Renewed: it ends at ExpiresAt (nil: never). An expired one is active again.
type Renewed struct {
	events.Concerns
	Before    *time.Time `json:"before"`
	ExpiresAt *time.Time `json:"expires_at"`
	Comment   string     `json:"comment,omitempty"`
}

// Expired: its end has passed. Gateways judge by their own clock; the event
// records it.
type Expired struct {
	events.Concerns
	ExpiresAt time.Time `json:"expires_at"`
}

// CredentialsAssigned: these credentials may use it from now on. Nil means
// every credential of the consumer; an empty list admits none.
type CredentialsAssigned struct {
	events.Concerns
	Before        *[]string `json:"before"`
	CredentialIDs *[]string `json:"credential_ids"`
}

func (Requested) EventType() string           { return "subscription.requested" }
func (Approved) EventType() string            { return "subscription.approved" }
func (Rejected) EventType() string            { return "subscription.rejected" }
func (Withdrawn) EventType() string           { return "subscription.withdrawn" }
func (Suspended) EventType() string           { return "subscription.suspended" }
func (Resumed) EventType() string             { return "subscription.resumed" }
func (Cancelled) EventType() string           { return "subscription.cancelled" }
func (Revoked) EventType() string             { return "subscription.revoked" }
func (RenewalRequested) EventType() string    { return "subscription.renewal_requested" }
func (RenewalRejected) EventType() string     { return "subscription.renewal_rejected" }
func (Renewed) EventType() string             { return "subscription.renewed" }
func (Expired) EventType() string             { return "subscription.expired" }
func (CredentialsAssigned) EventType() string { return "subscription.credentials_assigned" }
