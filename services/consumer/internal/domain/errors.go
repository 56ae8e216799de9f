package domain

import "github.com/tidegate-io/tidegate/libs/es"

// What a consumer refuses.
var (
	ErrExists  = es.Refuse(es.Taken, "consumer_exists", "A consumer with this id exists, or existed.")
	ErrMissing = es.Refuse(es.Missing, "not_found", "There is no such consumer.")
	ErrIllegal = es.Refuse(es.Illegal, "illegal_transition", "The consumer's status does not allow this.")
	ErrInvalid = es.Refuse(es.Invalid, "validation_failed", "The value is not valid.")
)
