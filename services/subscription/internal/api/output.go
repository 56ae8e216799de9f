package api

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// Subscription is a subscription as callers see it.
type Subscription struct {
	ID            string     `json:"id"`
	ConsumerID    string     `json:"consumer_id"`
	ServiceID     string     `json:"service_id"`
	PlanID        string     `json:"plan_id"`
	CredentialIDs *[]string  `json:"credential_ids" nullable:"true" doc:"Null: every credential of the consumer. An empty list admits none."`
	Reason        string     `json:"reason" doc:"Why it was requested."`
	Status        string     `json:"status" enum:"pending,active,rejected,withdrawn,suspended,cancelled,revoked,expired"`
	StatusReason  string     `json:"status_reason" doc:"Why it was rejected, suspended, cancelled or revoked."`
	ExpiresAt     *time.Time `json:"expires_at" doc:"Null: never."`
	Decision      *Decision  `json:"decision" doc:"The last one on the request or a renewal."`
	Renewal       *Renewal   `json:"renewal" doc:"The renewal that waits to be decided."`
	Consumer      Consumer   `json:"consumer"`
	Version       int64      `json:"version"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
}

// Decision is what was decided.
type Decision struct {
	By      string    `json:"by" doc:"The decider's subject; of what was granted at once, the requester's."`
	At      time.Time `json:"at"`
	Comment string    `json:"comment"`
}

// Renewal is a later end that was asked for.
type Renewal struct {
	RequestedAt time.Time `json:"requested_at"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// Consumer is what providers see of a consumer.
type Consumer struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
}

// shown answers subscriptions as callers see them, with what is known of their
// consumers now.
func shown(ctx context.Context, r es.Reader, all ...views.Subscription) ([]Subscription, error) {
	out := make([]Subscription, len(all))
	known := map[string]views.Consumer{}
	for i, s := range all {
		id := s.Concerns.ConsumerID
		c, seen := known[id]
		if !seen {
			var err error
			c, _, err = es.Known[views.Consumer](ctx, r, views.ConsumerKind, id)
			if errors.Is(err, es.ErrNotFound) {
				c = views.Consumer{Name: s.ConsumerName} // its events are being read again
			} else if err != nil {
				return nil, err
			}
			known[id] = c
		}
		out[i] = subscriptionOf(s, c)
	}
	return out, nil
}

func subscriptionOf(s views.Subscription, c views.Consumer) Subscription {
	shown := Subscription{
		ID:            s.Concerns.SubscriptionID,
		ConsumerID:    s.Concerns.ConsumerID,
		ServiceID:     s.Concerns.ServiceID,
		PlanID:        s.PlanID,
		CredentialIDs: s.CredentialIDs,
		Reason:        s.Reason,
		Status:        string(s.Status),
		StatusReason:  s.StatusReason,
		ExpiresAt:     s.ExpiresAt,
		Consumer:      Consumer{ID: s.Concerns.ConsumerID, Name: c.Name, Labels: c.Labels},
		Version:       s.Version,
		CreatedAt:     s.CreatedAt,
		UpdatedAt:     s.UpdatedAt,
	}
	if c.Labels == nil {
		shown.Consumer.Labels = map[string]string{}
	}
	if s.Decision != nil {
		shown.Decision = &Decision{By: s.Decision.By, At: s.Decision.At, Comment: s.Decision.Comment}
	}
	if s.Renewal != nil && s.RenewalAt != nil {
		shown.Renewal = &Renewal{RequestedAt: *s.RenewalAt, ExpiresAt: *s.Renewal}
	}
	return shown
}
