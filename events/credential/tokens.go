package credential

import (
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// The context's aggregates that are no credentials. A subject of another form
// is a credential's id.
const (
	// SigningKeysID is the subject of the one set of keys that sign access
	// tokens.
	SigningKeysID = "signing_keys"
	// TokenPrefix begins the id of an access token (its jti), GrantPrefix that of
	// a grant: a refresh token and all that came of it.
	TokenPrefix = "tok_"
	GrantPrefix = "grant_"
)

// IsCredential says whether a subject of this context is a credential's id.
func IsCredential(subject string) bool { return subject != SigningKeysID && !IsToken(subject) }

// IsToken says whether a subject of this context is a token's or a grant's id.
func IsToken(subject string) bool {
	return strings.HasPrefix(subject, TokenPrefix) || strings.HasPrefix(subject, GrantPrefix)
}

// What an access token says of itself (RFC 9068), so that it is never taken for
// anything else that is signed.
const (
	TokenType     = "at+jwt"           // its header typ
	TokenAudience = "tidegate-gateway" // its aud
)

// The places of a signing key in the set. All three verify.
const (
	KeyNext     = "next"     // published, and not used yet
	KeyCurrent  = "current"  // signs
	KeyPrevious = "previous" // signed; it verifies until its not_after
)

// SigningKeysRotated: from now on these keys, and no others, verify access
// tokens. The private halves are in no event.
type SigningKeysRotated struct {
	events.Concerns
	Keys []SigningKey `json:"keys"`
}

// SigningKey is the public half of a key that signs access tokens with ES256.
type SigningKey struct {
	KID      string     `json:"kid"`
	Status   string     `json:"status"` // next, current or previous
	Since    time.Time  `json:"since"`  // when it took this place
	JWK      JWK        `json:"jwk"`
	NotAfter *time.Time `json:"not_after,omitempty"` // of previous: when it verifies no more
}

// JWK is a public key as RFC 7517 writes it.
type JWK struct {
	Kty string `json:"kty"` // EC
	Crv string `json:"crv"` // P-256
	X   string `json:"x"`   // base64url without padding, as y
	Y   string `json:"y"`
}

// TokenRevoked: an access token, or every token of a grant, is refused from now
// on. After ExpiresAt the tokens that it concerns have expired by themselves, and
// it may be forgotten.
type TokenRevoked struct {
	events.Concerns
	TokenID   string    `json:"token_id"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (SigningKeysRotated) EventType() string { return "credential.signing_keys_rotated" }
func (TokenRevoked) EventType() string       { return "credential.token_revoked" }
