// Package credential holds the events of the credential context: what a caller
// proves itself with.
//
// No event holds a secret, a digest of one, or a hint of one. What a gateway
// needs to verify a secret is material: it travels apart, sealed, and it means
// nothing until the events here say that its credential is live.
package credential

import (
	"encoding/json"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// Events is the credential context's event types.
var Events = events.Set{
	events.Of[Issued](1),
	events.Of[Updated](1),
	events.Of[Rotated](1),
	events.Of[SecretRetired](1),
	events.Of[Suspended](1),
	events.Of[Resumed](1),
	events.Of[Revoked](1),
	events.Of[Expired](1),
	events.Of[Expiring](1),
	events.Of[SigningKeysRotated](1),
	events.Of[TokenRevoked](1),
}

// The authentication types of a credential. The type never changes.
const (
	TypeAPIKey = "api_key"
	TypeBasic  = "basic"
	TypeJWT    = "jwt"
	TypeHMAC   = "hmac"
	TypeOAuth2 = "oauth2"
)

// Placement is where in a request the caller puts the credential.
type Placement struct {
	In   string `json:"in"`   // header, query, cookie or body
	Name string `json:"name"` // of the header, parameter, cookie or field
}

// Issued: a credential is live, with the first version of its secret.
type Issued struct {
	events.Concerns
	Name            string          `json:"name"`
	Type            string          `json:"type"`
	Placement       Placement       `json:"placement"`
	Config          json.RawMessage `json:"config,omitempty"` // the type's settings, never a secret
	ExpiresAt       *time.Time      `json:"expires_at,omitempty"`
	HideCredentials bool            `json:"hide_credentials"`
	SecretVersion   int             `json:"secret_version"`
}

// Updated: the fields that are not nil have changed.
type Updated struct {
	events.Concerns
	Name            *events.Change[string]          `json:"name,omitempty"`
	Placement       *events.Change[Placement]       `json:"placement,omitempty"`
	Config          *events.Change[json.RawMessage] `json:"config,omitempty"`
	ExpiresAt       *events.Change[*time.Time]      `json:"expires_at,omitempty"`
	HideCredentials *events.Change[bool]            `json:"hide_credentials,omitempty"`
}

// Rotated: SecretVersion is live from now on. RetiringVersion, when not 0,
// stays valid until RetiringNotAfter; RetiredVersions are dead at once. Config,
// when it is not nil, has changed with the secret: another public key.
type Rotated struct {
	events.Concerns
	SecretVersion    int                             `json:"secret_version"`
	RetiringVersion  int                             `json:"retiring_version,omitempty"`
	RetiringNotAfter *time.Time                      `json:"retiring_not_after,omitempty"`
	RetiredVersions  []int                           `json:"retired_versions,omitempty"`
	Config           *events.Change[json.RawMessage] `json:"config,omitempty"`
}

// SecretRetired: the overlap of a rotation is over, the version is dead.
type SecretRetired struct {
	events.Concerns
	SecretVersion int `json:"secret_version"`
}

// Suspended: it is refused until it is resumed.
type Suspended struct {
	events.Concerns
	Reason string `json:"reason,omitempty"`
}

// Resumed: it is accepted again.
type Resumed struct {
	events.Concerns
	Reason string `json:"reason,omitempty"`
}

// Revoked is final: every secret is erased and every subscription drops it.
type Revoked struct {
	events.Concerns
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Expired: its expiry has passed. Gateways judge by their own clock; the event
// records it.
type Expired struct {
	events.Concerns
	ExpiresAt time.Time `json:"expires_at"`
}

// Expiring: it expires in Days days, unless its expiry is moved. It is told 30, 7
// and 1 days before, once each; a moment that had passed when the expiry was set
// is left out. Of several that nobody could tell in time, the last is told.
type Expiring struct {
	events.Concerns
	Name      string    `json:"name"`
	ExpiresAt time.Time `json:"expires_at"`
	Days      int       `json:"days"` // 30, 7 or 1
}

func (Issued) EventType() string        { return "credential.issued" }
func (Updated) EventType() string       { return "credential.updated" }
func (Rotated) EventType() string       { return "credential.rotated" }
func (SecretRetired) EventType() string { return "credential.secret_retired" }
func (Suspended) EventType() string     { return "credential.suspended" }
func (Resumed) EventType() string       { return "credential.resumed" }
func (Revoked) EventType() string       { return "credential.revoked" }
func (Expired) EventType() string       { return "credential.expired" }
func (Expiring) EventType() string      { return "credential.expiring" }
