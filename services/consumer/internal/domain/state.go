// Package domain is the rules of consumers: who calls.
//
// A consumer is registered under an id that is its own for ever, is described
// and limited, suspended and resumed, and one day deleted for good. What follows
// from that for its credentials and subscriptions is decided by the services
// that own them.
//
// Contact details never reach this package in clear: commands bring sealed
// bytes, and what seals them is nobody's business here.
package domain

import "github.com/tidegate-io/tidegate/events/consumer"

// Status is where a consumer is in its life.
type Status string

// The statuses of a consumer. The zero value means that there is none.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Deleted   Status = "deleted" // final
)

// State is a consumer as its events tell it.
type State struct {
	Status        Status
	ID            string
	Team          string
	Name          string
	Description   string
	Labels        map[string]string
	ContactSealed []byte
	Limits        *consumer.Limits
}

// Exists tells whether the id was ever used.
func (s State) Exists() bool { return s.Status != "" }
