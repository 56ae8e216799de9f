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

import (
	"slices"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

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

// Decider is the domain of one service.
var Decider = es.Decider[State, Command]{
	Category: "service",
	Decide:   decide,
	Evolve:   evolve,
}

// RouteScope is the scope of the claims on host and prefix.
const RouteScope = "route"

// Effects claims the routes that a service has come to have, and gives up those
// that it has no more. A retired one has none.
func Effects(before, after State) es.Effects {
	var claims []es.Claim
	held, wanted := places(before), places(after)
	for _, place := range held {
		if !slices.Contains(wanted, place) {
			claims = append(claims, es.Claim{Scope: RouteScope, Value: place, Release: true})
		}
	}
	for _, place := range wanted {
		if !slices.Contains(held, place) {
			claims = append(claims, es.Claim{Scope: RouteScope, Value: place})
		}
	}
	return es.Effects{Claims: claims}
}

// places answers the host and prefix of each route that is held.
func places(s State) []string {
	if !s.Exists() || s.Status == Retired {
		return nil
	}
	held := make([]string, len(s.Definition.Routes))
	for i, r := range s.Definition.Routes {
		held[i] = r.Host + r.PathPrefix
	}
	return held
}
