package views

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Subscriber is what is known of a consumer's subscriptions: to which provider
// teams' services it has one that has not ended. Those teams see its id, name
// and labels.
type Subscriber struct {
	Subscriptions map[string]string // id: provider team
}

// SubscriberKind is the kind of the facts, whose ids are the consumers'.
const SubscriberKind = "subscriber"

// Subscribers are folded from the events of subscriptions. An expired one counts
// still: it may be renewed.
var Subscribers = es.ReferenceOf(SubscriberKind, "subscription", byConsumer, func(s Subscriber, e events.Envelope, data events.Data) (Subscriber, bool) {
	switch data := data.(type) {
	case subscription.Requested:
		if s.Subscriptions == nil {
			s.Subscriptions = map[string]string{}
		}
		s.Subscriptions[e.Aggregate()] = data.ProviderTeam
	case subscription.Rejected, subscription.Withdrawn, subscription.Cancelled, subscription.Revoked:
		delete(s.Subscriptions, e.Aggregate())
	}
	return s, len(s.Subscriptions) > 0
})

func byConsumer(_ events.Envelope, data events.Data) string {
	if about, ok := data.(interface{ Concerned() events.Concerns }); ok {
		return about.Concerned().ConsumerID
	}
	return ""
}

// Of says whether the consumer subscribes to a service of one of the teams.
func (s Subscriber) Of(teams []string) bool {
	for _, team := range s.Subscriptions {
		if team != "" && slices.Contains(teams, team) {
			return true
		}
	}
	return false
}

// SubscriberOf answers what is known of a consumer's subscriptions.
func SubscriberOf(ctx context.Context, r es.Reader, consumerID string) (Subscriber, error) {
	s, _, err := es.Known[Subscriber](ctx, r, SubscriberKind, consumerID)
	if errors.Is(err, es.ErrNotFound) {
		return Subscriber{}, nil
	}
	return s, err
}

// SubscribersOf answers what is known of several consumers' subscriptions.
func SubscribersOf(ctx context.Context, r es.Reader, consumerIDs []string) (map[string]Subscriber, error) {
	facts, err := r.Facts(ctx, SubscriberKind, consumerIDs)
	if err != nil {
		return nil, err
	}
	subscribers := make(map[string]Subscriber, len(facts))
	for id, fact := range facts {
		var s Subscriber
		if err := json.Unmarshal(fact.Body, &s); err != nil {
			return nil, fmt.Errorf("read fact %s %s: %w", SubscriberKind, id, err)
		}
		subscribers[id] = s
	}
	return subscribers, nil
}
