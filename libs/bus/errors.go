package bus

import "errors"

var (
	// ErrForked: stream and SQL hold different events at the same position,
	// because SQL was restored to an earlier point and written to since. The
	// relay stops until the epoch is bumped.
	ErrForked = errors.New("the stream and SQL have different histories: run `tidegate epoch bump`")
	// ErrAhead: the stream holds more than SQL, because SQL was restored to an
	// earlier point. The relay stops until the epoch is bumped.
	ErrAhead = errors.New("the stream is ahead of SQL: run `tidegate epoch bump`")
	// ErrUnreachable: the owner of a fact could not be asked how far it is, or
	// what it said could not be read in time.
	ErrUnreachable = errors.New("another service cannot be reached")
	// ErrUnconfirmed: an epoch bump that would undo revocations was not
	// confirmed.
	ErrUnconfirmed = errors.New("not confirmed: the bump would undo revocations")
)

// What ends one attempt at relaying or reading. The next attempt looks again at
// everything.
var (
	errMissing  = errors.New("the stream does not exist")
	errHoled    = errors.New("the stream has holes")
	errOutdated = errors.New("the stream is of an earlier epoch")
	errMoved    = errors.New("another relay was faster")
	errEpoch    = errors.New("the epoch has changed")
	errGap      = errors.New("the stream has a gap")
	errRewind   = errors.New("the reader's cursor was moved")
)
