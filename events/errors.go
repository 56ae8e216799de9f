package events

import "errors"

// What can be wrong with an event that was read. A reader that decides about
// access must treat each of them as "deny the subject until healed".
var (
	// ErrMalformed: the bytes are not an event.
	ErrMalformed = errors.New("malformed event")
	// ErrUnknownType: no package that this binary knows defines the type.
	ErrUnknownType = errors.New("unknown event type")
	// ErrNewerSchema: a newer release wrote the payload.
	ErrNewerSchema = errors.New("event schema is newer than this release")
)
