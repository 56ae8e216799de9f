package domain

import "github.com/tidegate-io/tidegate/libs/es"

// What a consumer refuses.
var (
	// ErrExists: the id is or was somebody's. It says no more than that.
	ErrExists = es.Refuse(es.Taken, "consumer_exists", "the id belongs to a consumer that exists or existed").At("body.id")
	// ErrIllegal: not in this status.
	ErrIllegal = es.Refuse(es.Illegal, "illegal_transition", "this cannot be done to a consumer in its present status")

	// ErrLimits: a limit is out of bounds or not readable.
	ErrLimits = es.Refuse(es.Invalid, "validation_failed", "the limits are not valid")
	// ErrLabels: a label's key or value is not one.
	ErrLabels = es.Refuse(es.Invalid, "validation_failed", "the labels are not valid")
	// ErrText: the name or the description is not usable text.
	ErrText = es.Refuse(es.Invalid, "validation_failed", "the text is not valid")
)
