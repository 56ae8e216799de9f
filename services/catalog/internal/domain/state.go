// Package domain holds the rules of the catalogue: what a service is, who finds
// it where, and which life it leads.
//
//	draft -> published -> deprecated
//	  ^----------+------------'       unpublish
//	             ^------------'       publish
//	any but retired -> retired        final
//
// A draft is not routed and may be incomplete; a published or deprecated
// service has at least one route and one upstream, always. Its id and its team
// never change. No two services that are not retired share a host and prefix:
// that is a claim, made and given up by Effects in the append transaction.
package domain

import "github.com/tidegate-io/tidegate/events"

// Status is where a service is in its life.
type Status string

// The statuses. A service that was never drafted has none.
const (
	Draft      Status = "draft"
	Published  Status = "published"
	Deprecated Status = "deprecated"
	Retired    Status = "retired"
)

// Routed says whether gateways forward calls to it.
func (s Status) Routed() bool { return s == Published || s == Deprecated }

// State is one service, as far as decisions need it.
type State struct {
	Concerns   events.Concerns
	Status     Status
	Definition Definition
}

// Exists says whether the id was ever used.
func (s State) Exists() bool { return s.Status != "" }
