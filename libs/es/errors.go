package es

import (
	"errors"
	"fmt"
)

// What a store can answer to an append. All but ErrUnavailable are final for
// the batch as it stands.
var (
	// ErrConflict: the stream is not at the expected version.
	ErrConflict = errors.New("the object was changed by somebody else")
	// ErrTaken: a claim is held by another. The wrapping *TakenError names the
	// scope, never the holder.
	ErrTaken = errors.New("already taken")
	// ErrDuplicate: the inbox has seen this reaction.
	ErrDuplicate = errors.New("already handled")
	// ErrReference: a required foreign fact does not hold. The wrapping
	// *ReferenceError says which.
	ErrReference = errors.New("a reference does not hold")
	// ErrLeaseLost: the idempotency lease has passed to another.
	ErrLeaseLost = errors.New("the idempotency lease is lost")
	// ErrTooLarge: an event is over events.MaxSize.
	ErrTooLarge = errors.New("the event is too large")
	// ErrNotFound: no such document, fact or object.
	ErrNotFound = errors.New("not found")
	// ErrVersion: the caller pinned a version that is not the current one.
	ErrVersion = errors.New("version mismatch")
	// ErrCursor: another replica has moved the cursor.
	ErrCursor = errors.New("the cursor was moved by another replica")
	// ErrUnavailable: the database cannot be reached. Nothing is half done.
	ErrUnavailable = errors.New("the store is unavailable")

	// ErrIdempotencyMismatch: the key was used with another body.
	ErrIdempotencyMismatch = errors.New("the idempotency key was used with another body")
	// ErrIdempotencyInFlight: the first call with the key has not ended.
	ErrIdempotencyInFlight = errors.New("the first call with this idempotency key is in flight")
)

// ErrBadCursor: Query.After is not a cursor that a Page gave out.
var ErrBadCursor = &Refusal{
	Kind: Invalid, Code: "invalid_cursor", Detail: "the cursor was not given out by this list", Location: "query.cursor",
}

// TakenError is ErrTaken with the scope of the claim.
type TakenError struct{ Scope string }

func (e *TakenError) Error() string { return fmt.Sprintf("%s is %s", e.Scope, ErrTaken) }
func (e *TakenError) Unwrap() error { return ErrTaken }

// ReferenceError is ErrReference with the fact that does not hold.
type ReferenceError struct{ Ref Ref }

func (e *ReferenceError) Error() string {
	return fmt.Sprintf("%s %q: %s", e.Ref.Kind, e.Ref.ID, ErrReference)
}
func (e *ReferenceError) Unwrap() error { return ErrReference }

// Kind sorts refusals by what the caller can do about them.
type Kind int

// The kinds of refusal, and the HTTP status that libs/httpapi gives each.
const (
	Invalid     Kind = iota // 422: the input is wrong
	Illegal                 // 409: not in this state
	Immutable               // 409: this can never change
	Taken                   // 409: somebody has it
	Missing                 // 404
	Forbidden               // 403
	Unavailable             // 503: try again
)

// Refusal is a domain's "no": a sentinel with a stable code. Domains declare
// them once with Refuse and return them, or a copy made by With..., so that
// errors.Is still finds the sentinel.
type Refusal struct { //nolint:errname // "no" is what it is called in every domain
	Kind     Kind
	Code     string // stable: "illegal_transition"
	Detail   string // for people
	Location string // where in the input, such as "body.plan_id"; empty when it is not about one field
	Current  string // current status, for Illegal
	sentinel *Refusal
}

// Refuse declares a refusal.
func Refuse(kind Kind, code, detail string) *Refusal {
	return &Refusal{Kind: kind, Code: code, Detail: detail}
}

func (r *Refusal) Error() string { return r.Detail }

// Is finds the sentinel from which a refusal was made, and whatever else was
// made from it.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && r.root() == t.root()
}

func (r *Refusal) root() *Refusal {
	if r.sentinel != nil {
		return r.sentinel
	}
	return r
}

func (r *Refusal) clone() *Refusal {
	c := *r
	c.sentinel = r.root()
	return &c
}

// In answers the refusal with the status that the object is in.
func (r *Refusal) In(current string) *Refusal {
	c := r.clone()
	c.Current = current
	return c
}

// At answers the refusal with the location of the fault in the input.
func (r *Refusal) At(location string) *Refusal {
	c := r.clone()
	c.Location = location
	return c
}

// Saying answers the refusal with another detail.
func (r *Refusal) Saying(format string, args ...any) *Refusal {
	c := r.clone()
	c.Detail = fmt.Sprintf(format, args...)
	return c
}
