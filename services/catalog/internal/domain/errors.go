package domain

import "github.com/tidegate-io/tidegate/libs/es"

// What a service refuses.
var (
	// ErrExists: the id is or was a service's. It says no more than that.
	ErrExists = es.Refuse(es.Taken, "service_exists", "the id belongs to a service that exists or existed").At("body.id")
	// ErrIllegal: not in this status.
	ErrIllegal = es.Refuse(es.Illegal, "illegal_transition", "this cannot be done to a service in its present status")
	// ErrIncomplete: nothing could be forwarded.
	ErrIncomplete = es.Refuse(es.Illegal, "service_incomplete", "a published service has at least one route and one upstream")
	// ErrRouteTaken: host and prefix are in use. It never says whose.
	ErrRouteTaken = es.Refuse(es.Taken, "route_taken", "another service has a route with this host and path prefix").At("body.routes")

	// ErrPolicy: nobody evaluates policies yet.
	ErrPolicy = es.Refuse(es.Invalid, "approval_policy_unsupported", "approval by policy is not available in this release: choose manual or auto")
	// ErrSunset: a sunset must lie ahead.
	ErrSunset = es.Refuse(es.Invalid, "validation_failed", "sunset_at must be in the future").At("body.sunset_at")
	// ErrRoute: no gateway could match it, or it would be ambiguous.
	ErrRoute = es.Refuse(es.Invalid, "validation_failed", "the route is not valid")
	// ErrUpstream: no gateway could forward to it.
	ErrUpstream = es.Refuse(es.Invalid, "validation_failed", "an upstream is an absolute http or https URL without user, query or fragment")
	// ErrPlanTwice: plans are told apart by their ids.
	ErrPlanTwice = es.Refuse(es.Invalid, "validation_failed", "two plans have the same id")
	// ErrValue: a field is out of its bounds.
	ErrValue = es.Refuse(es.Invalid, "validation_failed", "the value is not valid")
)
