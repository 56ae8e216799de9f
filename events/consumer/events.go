// Package consumer holds the events of the consumer context: who calls.
//
// Contact details are personal data: they travel only sealed under a key of the
// consumer's own, so that erasing the key erases them from every copy of the
// log. Name, description and labels are plain: do not put personal data there.
package consumer

import "github.com/tidegate-io/tidegate/events"

// Events is the consumer context's event types.
var Events = events.Set{
	events.Of[Registered](1),
	events.Of[Updated](1),
	events.Of[Suspended](1),
	events.Of[Resumed](1),
	events.Of[Deleted](1),
}

// Limits is what applies to all calls of one consumer, on every gateway.
type Limits struct {
	Rate       *Rate    `json:"rate,omitempty"`
	Quota      *Quota   `json:"quota,omitempty"`
	AllowedIPs []string `json:"allowed_ips,omitempty"` // CIDR or single addresses; empty: from anywhere
}

// Rate admits Requests in any PerSeconds seconds (GCRA).
type Rate struct {
	Requests   int64 `json:"requests"`
	PerSeconds int64 `json:"per_seconds"`
}

// Quota admits Requests in each calendar day or month, UTC.
type Quota struct {
	Requests int64  `json:"requests"`
	Per      string `json:"per"` // "day" or "month"
}

// Registered: a consumer exists from now on.
type Registered struct {
	events.Concerns
	Name          string            `json:"name"`
	Description   string            `json:"description,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	ContactSealed []byte            `json:"contact_sealed,omitempty"`
	Limits        *Limits           `json:"limits,omitempty"`
}

// Updated: the fields that are not nil have changed.
type Updated struct {
	events.Concerns
	Name          *events.Change[string]            `json:"name,omitempty"`
	Description   *events.Change[string]            `json:"description,omitempty"`
	Labels        *events.Change[map[string]string] `json:"labels,omitempty"`
	ContactSealed *events.Change[[]byte]            `json:"contact_sealed,omitempty"`
	Limits        *events.Change[*Limits]           `json:"limits,omitempty"`
}

// Suspended: its calls are refused until it is resumed.
type Suspended struct {
	events.Concerns
	Reason string `json:"reason,omitempty"`
}

// Resumed: its calls are judged again.
type Resumed struct {
	events.Concerns
	Reason string `json:"reason,omitempty"`
}

// Deleted is final: the id is never used again, its credentials are revoked and
// its subscriptions cancelled by the services that own them.
type Deleted struct {
	events.Concerns
	Name string `json:"name,omitempty"`
}

func (Registered) EventType() string { return "consumer.registered" }
func (Updated) EventType() string    { return "consumer.updated" }
func (Suspended) EventType() string  { return "consumer.suspended" }
func (Resumed) EventType() string    { return "consumer.resumed" }
func (Deleted) EventType() string    { return "consumer.deleted" }
