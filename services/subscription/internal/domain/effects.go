package domain

import "github.com/tidegate-io/tidegate/libs/es"

// LiveScope is the scope of the claims on consumer and service.
const LiveScope = "subscription"

// Effects claims a consumer's place at a service while the subscription is
// live, and gives it up when it is not.
func Effects(before, after State) es.Effects {
	if before.Status.Live() == after.Status.Live() {
		return es.Effects{}
	}
	return es.Effects{Claims: []es.Claim{{
		Scope:   LiveScope,
		Value:   after.Concerns.ConsumerID + "/" + after.Concerns.ServiceID, // neither holds a slash
		Release: !after.Status.Live(),
	}}}
}
