package access

import (
	"slices"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
)

// Whoever adds an event type must say what it means to the rule: a case in a
// fold, or a line in nothing.
func TestEveryEventTypeIsFoldedOrKnownToMeanNothing(t *testing.T) {
	nothing := []string{"credential.expiring", "subscription.renewal_requested", "subscription.renewal_rejected"}
	folds := func(spec events.Spec) bool {
		data := meaningful(spec)
		switch events.Word(spec.Type) {
		case "consumer":
			return new(Consumer).fold(data) || (&Consumer{status: consumerActive}).fold(data)
		case "credential":
			return new(signing).fold(data) || new(revokedToken).fold(events.Envelope{}, data) ||
				New().foldCredential(new(*unknown), data) ||
				New().foldCredential(&Credential{consumer: new(party), Settings: new(Settings)}, data)
		case "service":
			return new(Service).fold(data) || (&Service{Status: ServiceDraft}).fold(data)
		}
		for status := subscriptionUnknown; !status.final(); status++ {
			if New().foldSubscription(&Subscription{status: status}, events.Envelope{}, data) {
				return true
			}
		}
		return false
	}
	for _, spec := range slices.Concat(consumer.Events, credential.Events, catalog.Events, subscription.Events) {
		if got, want := folds(spec), !slices.Contains(nothing, spec.Type); got != want {
			t.Errorf("%s is folded: %v, want %v", spec.Type, got, want)
		}
	}
}

// meaningful answers an event of a type that says something.
func meaningful(spec events.Spec) events.Data {
	switch spec.Type {
	case "consumer.updated":
		return consumer.Updated{Limits: &events.Change[*consumer.Limits]{}}
	case "credential.updated":
		return credential.Updated{ExpiresAt: &events.Change[*time.Time]{}}
	case "credential.token_revoked":
		return credential.TokenRevoked{ExpiresAt: time.Now()}
	case "service.updated":
		return catalog.Updated{Accepts: &events.Change[[]string]{}}
	}
	return spec.Zero
}
