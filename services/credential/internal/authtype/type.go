// Package authtype is what a credential can be: one file a type, behind one
// interface.
//
// A type says what its config takes, what it generates when that is left out,
// what it shows its owner once, and what it gives gateways to verify. It keeps
// nothing and decides nothing about the credential's life. Faults in a config
// are told by place, never by value: any value in it may be a secret.
//
// A new type is a new file with a Type, and a line in All.
package authtype

import (
	"encoding/json"

	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// Config is a config as it came in: members whose names and values nobody has
// judged.
type Config = map[string]json.RawMessage

// Type is one way for a caller to prove itself.
type Type interface {
	// Name is the type's word in the contract: "api_key".
	Name() string
	// Place answers where callers put the credential when this was asked for;
	// nil: nothing was.
	Place(asked *domain.Placement) (domain.Placement, error)
	// Issue makes the first version of the secret from the config that was
	// given.
	Issue(credentialID string, at domain.Placement, config Config) (Made, error)
	// Rotate makes another version for a credential with the given settings.
	Rotate(settings domain.Settings, config Config) (Made, error)
	// Configure answers the config after a merge patch, which must touch neither
	// an identifier nor a secret.
	Configure(current json.RawMessage, patch Config) (json.RawMessage, error)
}

// Made is what a type has made of a config.
type Made struct {
	// Config is public: it is in events and answers.
	Config json.RawMessage
	// Identifier is a value in Config that names the credential and must be
	// unique anywhere; empty: none does.
	Identifier string
	// Shown is the JSON object that the owner sees once.
	Shown any
	// Secret is what is proved. It leaves this process only as Shown.
	Secret []byte
	// Chosen says that a person chose it, so that it is hashed slowly.
	Chosen bool
	// Unique says that the secret finds its credential by itself, so that it
	// must be unique anywhere.
	Unique bool
	// Hint is what people see of it from then on.
	Hint string
}

// All are the types that can be issued.
var All = []Type{APIKey{}, Basic{}}

// Named answers the type with a name. domain.ErrUnsupportedType.
func Named(name string) (Type, error) {
	for _, t := range All {
		if t.Name() == name {
			return t, nil
		}
	}
	return nil, domain.ErrUnsupportedType.At("body.type")
}

// Proof answers what a gateway needs to verify the secret.
func (m Made) Proof(ring *secret.Ring) secret.Proof {
	if m.Chosen {
		return secret.PasswordProof(secret.HashPassword(string(m.Secret)))
	}
	return secret.DigestProof(ring.Digest(m.Secret))
}

// Fingerprint is what is kept, sealed, for the day when the pepper is replaced.
func (m Made) Fingerprint() [32]byte { return secret.Fingerprint(m.Secret) }
