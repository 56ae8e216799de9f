package domain

import "github.com/tidegate-io/tidegate/libs/es"

// What the catalogue refuses.
var (
	ErrExists      = es.Refuse(es.Taken, "service_exists", "A service with this id exists, or existed.")
	ErrMissing     = es.Refuse(es.Missing, "not_found", "There is no such service.")
	ErrIllegal     = es.Refuse(es.Illegal, "illegal_transition", "The service's status does not allow this.")
	ErrIncomplete  = es.Refuse(es.Illegal, "service_incomplete", "A published service needs at least one route and one upstream.")
	ErrRouteTaken  = es.Refuse(es.Taken, "route_taken", "Another service has a route with this host and path prefix.")
	ErrImmutableID = es.Refuse(es.Immutable, "identifier_immutable", "The id of a service never changes.")

	ErrInvalid       = es.Refuse(es.Invalid, "validation_failed", "The value is not valid.")
	ErrInvalidRoute  = es.Refuse(es.Invalid, "invalid_route", "The route is not valid.")
	ErrUpstream      = es.Refuse(es.Invalid, "invalid_upstream", "An upstream is an absolute http or https URL without user, query or fragment.")
	ErrNoPolicies    = es.Refuse(es.Invalid, "approval_policy_unsupported", "Approval by policy is not available in this release: choose manual or auto.")
	ErrSunsetInPast  = es.Refuse(es.Invalid, "sunset_in_past", "The sunset is not in the future.")
	ErrDuplicatePlan = es.Refuse(es.Invalid, "duplicate_plan", "Two plans have the same id.")
)
