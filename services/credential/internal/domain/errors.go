package domain

import (
	"errors"

	"github.com/tidegate-io/tidegate/libs/es"
)

// What a credential refuses. None says anything of a secret, or of whose it is.
var (
	ErrMissing  = es.Refuse(es.Missing, "not_found", "There is no such credential.")
	ErrIllegal  = es.Refuse(es.Illegal, "illegal_transition", "The credential's status does not allow this.")
	ErrRotating = es.Refuse(es.Illegal, "rotation_in_progress", "Two secrets are accepted already: wait until the overlap is over, or rotate with overlap_seconds 0, which ends both at once.")

	ErrNameTaken           = es.Refuse(es.Taken, "credential_name_taken", "Another credential of this consumer has the name.")
	ErrTaken               = es.Refuse(es.Taken, "credential_taken", "The key, user name, access key or client id is in use.")
	ErrTypeImmutable       = es.Refuse(es.Immutable, "type_immutable", "The type of a credential never changes: issue another one.")
	ErrIdentifierImmutable = es.Refuse(es.Immutable, "identifier_immutable", "An identifier never changes, and a secret changes by rotate.")

	ErrInvalid         = es.Refuse(es.Invalid, "validation_failed", "The value is not valid.")
	ErrUnsupportedType = es.Refuse(es.Invalid, "unsupported_type", "Credentials of this type cannot be issued by this release.")
	ErrExpiryInPast    = es.Refuse(es.Invalid, "expiry_in_past", "The expiry is not in the future.")
)

// ErrMeanwhile: the secret was made, or the change judged, for what the credential
// is no more: another call was faster. Whoever made it makes it again.
var ErrMeanwhile = errors.New("another call was faster")
