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
	"crypto/sha256"
	"encoding/json"
	"strings"

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
	// Describe says what config it takes, where it may be placed and what it
	// shows, for people: Markdown.
	Describe() string
	// Members names what its config takes, and what of that can change how.
	Members() Members
	// Place answers where callers put a credential with a config that this type
	// has made, when this was asked for; nil: nothing was.
	Place(asked *domain.Placement, config json.RawMessage) (domain.Placement, error)
	// Issue makes the first version of the secret from the config that was
	// given.
	Issue(credentialID string, given Config) (Made, error)
	// Rotate makes another version for a credential with a config.
	Rotate(current json.RawMessage, given Config) (Made, error)
	// Configure answers the config after a merge patch of its settings: null is
	// the default. It changes neither an identifier nor a secret.
	Configure(current json.RawMessage, patch Config) (json.RawMessage, error)
	// Unique answers by what nobody else may be known: the identifier in the
	// settings (empty: there is none), and whether the secret is such too.
	Unique(settings domain.Settings) (identifier string, secret bool, err error)
}

// Mover is a Type whose secrets do not all fit everywhere.
type Mover interface {
	Type
	// Fits judges whether secrets of which the hints are known can be moved to
	// another placement.
	Fits(to domain.Placement, hints ...string) error
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
	// Hint is what people see of the secret from then on.
	Hint string
	// Prove answers what a gateway verifies the secret with.
	Prove func(*secret.Ring) secret.Proof
	// Digested is the secret's fingerprint when it is verified by a keyed digest,
	// which a new pepper must be able to make again; nil otherwise.
	Digested *[sha256.Size]byte
	// Unique says that the digested secret finds its credential by itself, so
	// that nobody else may have it.
	Unique bool
	// Fits judges whether the secret can be put somewhere; nil: anywhere.
	Fits func(domain.Placement) error
	// Warnings are what is accepted and not well done, in the contract's words.
	Warnings []string
}

// WarnSecretShort: a secret that is shorter than the hash it is used with, or a
// password or secret key that can be guessed.
const WarnSecretShort = "secret_short"

// digested has the secret verified by its keyed digest: fit for what nobody can
// guess.
func (m Made) digested(plain string) Made {
	m.Hint = secret.Hint(plain)
	return m.fingerprinted(secret.Fingerprint([]byte(plain)))
}

// fingerprinted is digested for a secret that nobody here has seen.
func (m Made) fingerprinted(fingerprint [sha256.Size]byte) Made {
	m.Digested = &fingerprint
	m.Prove = func(ring *secret.Ring) secret.Proof { return secret.DigestProof(ring.DigestFingerprint(fingerprint)) }
	return m
}

// hashed has the secret verified by a slow hash, and gives no hint of it: fit
// for what a person chose.
func (m Made) hashed(plain string) Made {
	m.Prove = func(*secret.Ring) secret.Proof { return secret.PasswordProof(secret.HashPassword(plain)) }
	return m
}

// proved has it verified by a proof that is there.
func (m Made) proved(p secret.Proof) Made {
	m.Prove = func(*secret.Ring) secret.Proof { return p }
	return m
}

// All are the types that can be issued.
var All = []Type{APIKey{}, Basic{}, JWT{}, HMAC{}, OAuth2{}}

// Named answers the type with a name. domain.ErrUnsupportedType.
func Named(name string) (Type, error) {
	for _, t := range All {
		if t.Name() == name {
			return t, nil
		}
	}
	return nil, domain.ErrUnsupportedType.At("body.type")
}

// Describe says of every type what it takes and shows, for the OpenAPI document.
func Describe() string {
	var text strings.Builder
	for _, t := range All {
		text.WriteString("\n\n### `" + t.Name() + "`\n\n" + t.Describe())
	}
	return text.String()
}
