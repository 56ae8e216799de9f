package domain

import "github.com/tidegate-io/tidegate/libs/es"

// What a credential refuses. None of them ever says anything of a secret.
var (
	// ErrIllegal: not in this status.
	ErrIllegal = es.Refuse(es.Illegal, "illegal_transition", "this cannot be done to a credential in its present status")
	// ErrRotating: two secrets are accepted, a third would be too many.
	ErrRotating = es.Refuse(es.Illegal, "rotation_in_progress", "a rotation is in progress: wait until its overlap is over, or rotate with overlap_seconds 0, which ends both secrets at once")

	// ErrTypeImmutable: a credential's type is for ever.
	ErrTypeImmutable = es.Refuse(es.Immutable, "type_immutable", "the type of a credential never changes: issue another one").At("body.type")
	// ErrIdentifierImmutable: what names a credential, and its secret, are not
	// changed by an update.
	ErrIdentifierImmutable = es.Refuse(es.Immutable, "identifier_immutable", "identifiers never change, and secrets change by rotate")
	// ErrNameTaken: another unrevoked credential of the consumer has the name.
	ErrNameTaken = es.Refuse(es.Taken, "credential_name_taken", "another credential of this consumer has the name").At("body.name")
	// ErrTaken: the key or identifier is in use somewhere. It never says whose.
	ErrTaken = es.Refuse(es.Taken, "credential_taken", "the key or identifier is in use").At("body.config")

	// ErrUnsupportedType: credentials of this type cannot be issued.
	ErrUnsupportedType = es.Refuse(es.Invalid, "unsupported_type", "credentials of this type cannot be issued").At("body.type")
	// ErrName: the name is not usable.
	ErrName = es.Refuse(es.Invalid, "validation_failed", "a name has 1-256 characters, none of them a control character, and no space at its ends").At("body.name")
	// ErrExpiry: a new expiry must lie ahead.
	ErrExpiry = es.Refuse(es.Invalid, "validation_failed", "expires_at must be in the future").At("body.expires_at")
	// ErrOverlap: an overlap is 0 to 30 days.
	ErrOverlap = es.Refuse(es.Invalid, "validation_failed", "an overlap is 0 to 2592000 seconds (30 days)").At("body.overlap_seconds")
	// ErrPlacement: the type cannot be placed there.
	ErrPlacement = es.Refuse(es.Invalid, "validation_failed", "the placement is not valid").At("body.placement")
	// ErrConfig: the type's settings are not valid.
	ErrConfig = es.Refuse(es.Invalid, "validation_failed", "the config is not valid").At("body.config")
)
