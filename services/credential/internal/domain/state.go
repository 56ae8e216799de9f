// Package domain is the rules of credentials: what a caller proves itself with.
//
// A credential belongs to one consumer and has one type, both for ever. Its
// secret comes in versions: a rotation makes the next one and lets the one
// before live on for a while, so that callers can change over. It is suspended
// and resumed, expires by the clock, and is revoked for good.
//
// No secret, nor anything derived from one, reaches this package. It says which
// versions live; what verifies them is material, put and erased beside the
// events.
package domain

import (
	"encoding/json"
	"time"

	"github.com/tidegate-io/tidegate/events/credential"
)

// Status is where a credential is in its life.
type Status string

// The statuses of a credential. The zero value means that there is none.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Expired   Status = "expired" // until it is given a later expiry
	Revoked   Status = "revoked" // final
)

// SecretStatus is where one version of the secret is in its life.
type SecretStatus string

// The statuses of a secret version.
const (
	Live     SecretStatus = "live"
	Retiring SecretStatus = "retiring" // accepted until NotAfter
	Retired  SecretStatus = "retired"  // final; its material is erased
)

// Secret is one version of the secret, without the secret.
type Secret struct {
	Version  int          `json:"version"`
	Status   SecretStatus `json:"status"`
	NotAfter *time.Time   `json:"not_after"`
}

// State is a credential as its events tell it.
type State struct {
	Status          Status               `json:"status"`
	ID              string               `json:"id"`
	ConsumerID      string               `json:"consumer_id"`
	Team            string               `json:"team"` // the consumer's
	Name            string               `json:"name"`
	Type            string               `json:"type"`
	Placement       credential.Placement `json:"placement"`
	Config          json.RawMessage      `json:"config"`
	ExpiresAt       *time.Time           `json:"expires_at"`
	HideCredentials bool                 `json:"hide_credentials"`
	Secrets         []Secret             `json:"secrets"` // oldest first
	// WasSuspended is whether a credential that expired is to be suspended
	// again when it is given a later expiry.
	WasSuspended bool `json:"was_suspended,omitempty"`
}

// KeptSecrets is how many retired versions a state remembers.
const KeptSecrets = 20

// Exists tells whether the credential was ever issued.
func (s State) Exists() bool { return s.Status != "" }

// StatusAt is the status at a moment: an expiry that has passed counts before
// the clock has recorded it.
func (s State) StatusAt(at time.Time) Status {
	if s.Status != Revoked && s.ExpiresAt != nil && !at.Before(*s.ExpiresAt) {
		return Expired
	}
	return s.Status
}

// NextVersion is the version that a rotation must make.
func (s State) NextVersion() int {
	if len(s.Secrets) == 0 {
		return 1
	}
	return s.Secrets[len(s.Secrets)-1].Version + 1
}

// Accepted answers the versions that are live or retiring.
func (s State) Accepted() []Secret {
	var accepted []Secret
	for _, secret := range s.Secrets {
		if secret.Status != Retired {
			accepted = append(accepted, secret)
		}
	}
	return accepted
}
