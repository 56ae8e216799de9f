package domain

import "github.com/tidegate-io/tidegate/libs/es"

// What a subscription refuses.
var (
	// ErrExists: the id is in use. Ids are made here, so it is not the caller's
	// fault.
	ErrExists = es.Refuse(es.Taken, "subscription_exists", "the id belongs to another subscription")
	// ErrIllegal: not in this status.
	ErrIllegal = es.Refuse(es.Illegal, "illegal_transition", "this cannot be done to a subscription in its present status")
	// ErrGraceOver: what expired longer ago is not brought back.
	ErrGraceOver = es.Refuse(es.Illegal, "illegal_transition", "it expired too long ago to be renewed: subscribe again")
	// ErrSubscribed: one live subscription a consumer and service.
	ErrSubscribed = es.Refuse(es.Taken, "already_subscribed", "the consumer has a live subscription to the service")

	// ErrExpiry: a new end must lie ahead.
	ErrExpiry = es.Refuse(es.Invalid, "validation_failed", "expires_at must be in the future").At("body.expires_at")
	// ErrEndless: only the provider takes an end away.
	ErrEndless = es.Refuse(es.Invalid, "validation_failed", "expires_at must be a time: only the provider can take the end away").At("body.expires_at")
	// ErrReason: a decision against somebody is explained.
	ErrReason = es.Refuse(es.Invalid, "validation_failed", "a reason is asked for").At("body.reason")
	// ErrTwice: a credential is listed once.
	ErrTwice = es.Refuse(es.Invalid, "validation_failed", "the credential is listed twice")
)
