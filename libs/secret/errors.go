package secret

import "errors"

// What this package answers. None ever holds a secret or a part of one.
var (
	// ErrRing: a key ring, or what should be done to it, is not in order.
	ErrRing = errors.New("invalid key ring")
	// ErrPermissions: the key ring's file can be read by others.
	ErrPermissions = errors.New("key ring file is readable by others")
	// ErrUnavailable: whoever unwraps the key ring cannot be reached or is not
	// ready; trying again may help.
	ErrUnavailable = errors.New("the key ring cannot be unwrapped now")
	// ErrRefused: whoever unwraps the key ring does not do so for us.
	ErrRefused = errors.New("the key ring is not unwrapped for us")
	// ErrUnknownKey: sealed under a key that this ring does not have.
	ErrUnknownKey = errors.New("unknown key")
	// ErrSealed: the bytes were not sealed by this ring, for this purpose, or
	// were changed.
	ErrSealed = errors.New("cannot be opened")
	// ErrProof: what was opened is no proof that this release knows.
	ErrProof = errors.New("invalid proof")
	// ErrFormat: not a generated secret, or one with a typing error.
	ErrFormat = errors.New("malformed secret")
	// ErrHash: not a password hash within the bounds that are accepted.
	ErrHash = errors.New("invalid password hash")
	// ErrPlain: something secret was about to be written unsealed.
	ErrPlain = errors.New("a secret must not be written unsealed")
)
