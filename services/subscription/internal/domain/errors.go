package domain

import "github.com/tidegate-io/tidegate/libs/es"

// What a subscription refuses.
var (
	ErrExists     = es.Refuse(es.Taken, "subscription_exists", "A subscription with this id exists.")
	ErrMissing    = es.Refuse(es.Missing, "not_found", "There is no such subscription.")
	ErrIllegal    = es.Refuse(es.Illegal, "illegal_transition", "The subscription's status does not allow this.")
	ErrGraceOver  = es.Refuse(es.Illegal, "illegal_transition", "It expired too long ago to be renewed: subscribe again.")
	ErrGone       = es.Refuse(es.Illegal, "illegal_transition", "Its consumer was deleted or its service retired.")
	ErrSubscribed = es.Refuse(es.Taken, "already_subscribed", "The consumer has a live subscription to the service.")

	ErrExpiryInPast = es.Refuse(es.Invalid, "expiry_in_past", "The expiry is not in the future.")
	ErrEndless      = es.Refuse(es.Invalid, "validation_failed", "Only the provider can take the end away.")
	ErrReasonless   = es.Refuse(es.Invalid, "validation_failed", "This needs a reason.")
	ErrListedTwice  = es.Refuse(es.Invalid, "validation_failed", "The credential is listed twice.")
)
