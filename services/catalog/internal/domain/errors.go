package domain

import "github.com/tidegate-io/tidegate/libs/es"

// What a service refuses.
var (
	ErrExists     = es.Refuse(es.Taken, "service_exists", "A service with this id exists, or existed.")
	ErrMissing    = es.Refuse(es.Missing, "not_found", "There is no such service.")
	ErrIllegal    = es.Refuse(es.Illegal, "illegal_transition", "The service's status does not allow this.")
	ErrIncomplete = es.Refuse(es.Illegal, "service_incomplete", "A published service has at least one route and one upstream.")
	ErrRouteTaken = es.Refuse(es.Taken, "route_taken", "Another service has a route with this host and path prefix.")

	ErrInvalid      = es.Refuse(es.Invalid, "validation_failed", "The value is not valid.")
	ErrInvalidRoute = es.Refuse(es.Invalid, "validation_failed", "The route is not valid.")
	ErrInvalidURL   = es.Refuse(es.Invalid, "validation_failed", "An upstream is an absolute http or https URL without user, query or fragment.")
	ErrPlanTwice    = es.Refuse(es.Invalid, "validation_failed", "Two plans have the same id.")
	ErrNoPolicies   = es.Refuse(es.Invalid, "approval_policy_unsupported", "Approval by policy is not available in this release: choose manual or auto.")
	ErrSunsetInPast = es.Refuse(es.Invalid, "sunset_in_past", "The sunset is not in the future.")
)
