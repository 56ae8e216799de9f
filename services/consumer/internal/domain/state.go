// Package domain holds the rules of consumers: who calls.
//
//	active <-> suspended      suspend, resume
//	active, suspended -> deleted   final
//
// A consumer's id is its own for ever, also after it was deleted; its id and its
// team never change. What its end means for its credentials and subscriptions is
// decided by the services that own them.
//
// Contact details never reach this package in clear: commands bring sealed
// bytes. Their key is a row beside the events, which Effects erases when the
// contact is gone.
package domain

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Status is where a consumer is in its life.
type Status string

// The statuses. A consumer that was never registered has none.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Deleted   Status = "deleted"
)

// State is one consumer, as far as decisions need it.
type State struct {
	Concerns events.Concerns
	Status   Status
	Profile  Profile
}

// Exists says whether the id was ever used.
func (s State) Exists() bool { return s.Status != "" }

// Decider is the domain of one consumer.
var Decider = es.Decider[State, Command]{
	Category: "consumer",
	Decide:   decide,
	Evolve:   evolve,
}

// ContactKey names the row that keeps the key under which a consumer's contact
// is sealed. It is never published.
func ContactKey(consumerID string) string { return consumerID + ".contact" }

// Effects erases the key of a contact that is no longer there, and with it the
// contact in every copy of the log.
func Effects(before, after State) es.Effects {
	if len(before.Profile.ContactSealed) == 0 || len(after.Profile.ContactSealed) > 0 {
		return es.Effects{}
	}
	return es.Effects{Material: []es.Material{{Key: ContactKey(before.Concerns.ConsumerID), Erase: true}}}
}
