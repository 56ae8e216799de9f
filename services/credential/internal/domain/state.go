// Package domain holds the rules of credentials: what a caller proves itself
// with.
//
//	active <-> suspended                  suspend, resume
//	active, suspended -> expired          by the clock
//	expired -> as it was before           update, with a later expiry
//	any but revoked -> revoked            final
//
// A credential belongs to one consumer and has one type, both for ever. Its
// secret comes in versions:
//
//	live -> retiring -> retired           rotate with an overlap; by the clock
//	live, retiring -> retired             rotate without one; revoke
//
// No secret, nor anything derived from one, reaches this package. It says which
// versions are accepted; what verifies them are claims and material, rows beside
// the events, which Effects gives up and erases when a version dies.
package domain

import (
	"strconv"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Status is where a credential is in its life.
type Status string

// The statuses. A credential that was never issued has none.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Expired   Status = "expired"
	Revoked   Status = "revoked"
)

// State is one credential, as far as decisions need it.
type State struct {
	Concerns events.Concerns
	Status   Status
	Type     string
	Settings Settings
	Secrets  []Secret // oldest first
	// Noticed is how many days before its expiry the last notice was told; 0: none
	// was, of this expiry.
	Noticed int
	// WasSuspended is whether an expired one is suspended when it lives again.
	WasSuspended bool
}

// Exists says whether the credential was ever issued.
func (s State) Exists() bool { return s.Status != "" }

// StatusAt is the status at a moment: an expiry that has passed counts before
// the clock has recorded it.
func (s State) StatusAt(at time.Time) Status {
	if s.Status != Revoked && s.Settings.ExpiresAt != nil && !at.Before(*s.Settings.ExpiresAt) {
		return Expired
	}
	return s.Status
}

// Decider is the domain of one credential.
var Decider = es.Decider[State, Command]{
	Category: "credential",
	Decide:   decide,
	Evolve:   evolve,
}

// The scopes of the claims on what is unique.
const (
	// NameScope: a name among the consumer's unrevoked credentials.
	NameScope = "credential_name"
	// IdentifierScope: a user name or access key, anywhere. The credential holds
	// it.
	IdentifierScope = "credential_identifier"
	// SecretScope: a secret that finds its credential by itself, anywhere, as
	// keyed digests. The secret version holds them.
	SecretScope = "credential_secret"
)

// MaterialKey names what verifies one version of a credential's secret.
func MaterialKey(credentialID string, version int) string {
	return credentialID + "." + strconv.Itoa(version)
}

// Identifier claims a user name or access key of a type.
func Identifier(authType, value string) es.Claim {
	return es.Claim{Scope: IdentifierScope, Value: authType + "/" + value}
}

// Unique claims the keyed digest of a secret for one version of it.
func Unique(credentialID string, version int, digest string) es.Claim {
	return es.Claim{Scope: SecretScope, Value: digest, Holder: MaterialKey(credentialID, version)}
}

// Effects claims the name and gives up everything that a credential or a secret
// version no longer needs.
func Effects(before, after State) es.Effects {
	var effects es.Effects
	held, wanted := before.name(), after.name()
	if held != wanted && held != "" {
		effects.Claims = append(effects.Claims, es.Claim{Scope: NameScope, Value: held, Release: true})
	}
	if held != wanted && wanted != "" {
		effects.Claims = append(effects.Claims, es.Claim{Scope: NameScope, Value: wanted})
	}
	if held != "" && wanted == "" {
		effects.Claims = append(effects.Claims, es.Claim{Scope: IdentifierScope, Release: true})
	}
	for _, secret := range before.Secrets {
		if !secret.accepted() || after.accepts(secret.Version) {
			continue
		}
		key := MaterialKey(before.Concerns.CredentialID, secret.Version)
		effects.Claims = append(effects.Claims, es.Claim{Scope: SecretScope, Holder: key, Release: true})
		effects.Material = append(effects.Material, es.Material{Key: key, Erase: true})
	}
	return effects
}

// name is what the credential claims as its name; empty: none.
func (s State) name() string {
	if !s.Exists() || s.Status == Revoked {
		return ""
	}
	return s.Concerns.ConsumerID + "/" + s.Settings.Name
}
