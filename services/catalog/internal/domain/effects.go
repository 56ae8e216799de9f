package domain

import (
	"slices"

	"github.com/tidegate-io/tidegate/libs/es"
)

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
