// Package views holds what the subscription service reads: its own
// subscriptions, folded in the append transaction, and what it knows of
// consumers, services and credentials.
package views

import (
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

// Subscription is a subscription as it is read.
type Subscription struct {
	domain.State
	ConsumerName string // as it was when it was requested
	Reason       string // why it was requested
	StatusReason string // why it was rejected, suspended, cancelled or revoked
	Decision     *Decision
	RenewalAt    *time.Time // when the renewal that waits was asked for
	Version      int64
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Decision is the last one on a request or a renewal.
type Decision struct {
	By      string // a bare subject; of what was granted at once, whoever asked
	At      time.Time
	Comment string
}

// Fields by which subscriptions are found.
const (
	Readers      = "readers" // "team:<team>", "provider:<team>": as libs/httpapi.Visible asks
	ConsumerID   = "consumer_id"
	ServiceID    = "service_id"
	CredentialID = "credential_id" // listed, while it may still be used
	Status       = "status"
	Waiting      = "waiting" // Yes: a request or renewal waits for the provider
	Due          = "due"     // the end of what is granted
)

// Yes is the value of a field that is there or not.
const Yes = "yes"

// Subscriptions are all that ever were, by id.
var Subscriptions = es.ViewOf("subscriptions", 1, es.ByAggregate, func(s Subscription, e events.Envelope, data events.Data) Subscription {
	if s.Version == 0 {
		s.CreatedAt = e.Time
	}
	status := s.Status
	s.State = domain.Decider.Evolve(s.State, data)
	s.Version, s.UpdatedAt = e.Version, e.Time
	if s.Status != status {
		s.StatusReason = ""
	}
	if s.Renewal == nil {
		s.RenewalAt = nil
	}
	switch data := data.(type) {
	case subscription.Requested:
		s.ConsumerName, s.Reason = data.ConsumerName, data.Reason
	case subscription.Approved:
		s.Decision = &Decision{By: e.Actor, At: e.Time, Comment: data.Comment}
	case subscription.Rejected:
		s.Decision = &Decision{By: e.Actor, At: e.Time, Comment: data.Reason}
		s.StatusReason = data.Reason
	case subscription.Suspended:
		s.StatusReason = data.Reason
	case subscription.Cancelled:
		s.StatusReason = data.Reason
	case subscription.Revoked:
		s.StatusReason = data.Reason
	case subscription.RenewalRequested:
		s.RenewalAt = &e.Time
	case subscription.RenewalRejected:
		s.Decision = &Decision{By: e.Actor, At: e.Time, Comment: data.Reason}
	case subscription.Renewed:
		s.Decision = &Decision{By: e.Actor, At: e.Time, Comment: data.Comment}
	}
	return s
})

// Index says how a subscription is found.
func (s Subscription) Index() es.Index {
	terms := map[string][]string{
		ConsumerID: {s.Concerns.ConsumerID},
		ServiceID:  {s.Concerns.ServiceID},
		Status:     {string(s.Status)},
	}
	if s.Concerns.Team != "" {
		terms[Readers] = append(terms[Readers], "team:"+s.Concerns.Team)
	}
	if s.Concerns.ProviderTeam != "" {
		terms[Readers] = append(terms[Readers], "provider:"+s.Concerns.ProviderTeam)
	}
	if s.Status == domain.Pending || s.Renewal != nil {
		terms[Waiting] = []string{Yes}
	}
	if s.Status.Granted() && s.ExpiresAt != nil {
		terms[Due] = []string{Moment(*s.ExpiresAt)}
	}
	if !s.Status.Final() && s.CredentialIDs != nil {
		terms[CredentialID] = *s.CredentialIDs
	}
	return es.Index{Terms: terms}
}

// Moment is a time as an indexed field has it: all are of one length, so that
// their order as texts is their order.
func Moment(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000000Z") }
