package authtype

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// OAuth2 is a client of the token endpoint (RFC 6749): it exchanges its id and
// secret for access tokens, which are what it sends to gateways.
type OAuth2 struct{}

var _ Type = OAuth2{}

// The bounds of an OAuth2 credential.
const (
	maxClientID     = 256 // bytes
	minClientSecret = 8
	maxClientSecret = 256
	maxScopes       = 64
	maxScope        = 128
	maxScopesText   = 2048 // all of them, as they stand in a token and in a header

	minTokenTTL, maxTokenTTL, defaultTokenTTL = 1, 86400, 3600
	maxRefreshTTL, defaultRefreshTTL          = 365 * 86400, 30 * 86400
)

// OAuth2Config is the public part of an OAuth2 credential's config.
type OAuth2Config struct {
	ClientID          string   `json:"client_id"`
	Scopes            []string `json:"scopes"` // what it may ask for
	TokenTTLSeconds   int      `json:"token_ttl_seconds"`
	RefreshTTLSeconds int      `json:"refresh_ttl_seconds"` // 0: there are no refresh tokens
}

type shownClient struct {
	ClientID     string  `json:"client_id"`
	ClientSecret *string `json:"client_secret"` // null: only its hash is known here
}

// Name is the contract's word.
func (OAuth2) Name() string { return credential.TypeOAuth2 }

// Describe is for people.
func (OAuth2) Describe() string {
	return `A client of ` + "`POST /oauth2/token`" + ` (RFC 6749), which sends the access tokens that it gets there.

| config | |
|---|---|
| ` + "`client_id`" + ` | 1-256 printable ASCII characters without a space, in use nowhere else; the credential's id when left out. It never changes |
| ` + "`client_secret`" + ` | 8-256 printable ASCII characters; generated (` + "`tg_c_`" + `...) when left out |
| ` + "`client_secret_hash`" + ` | instead of ` + "`client_secret`" + `: ` + describeHash + ` |
| ` + "`scopes`" + ` | what it may ask for: at most 64, of 1-128 printable ASCII characters without space, quotation mark or backslash, 2048 in all; none by default |
| ` + "`token_ttl_seconds`" + ` | how long an access token lives, 1 to 86400, by default 3600 |
| ` + "`refresh_ttl_seconds`" + ` | how long a refresh token lives, 0 to 31536000, by default 2592000; 0: none is given out |

Placed in the header ` + "`Authorization`" + ` (` + "`Bearer`" + ` and the access token) and nowhere else. ` + "`secret`" + ` is ` + "`{\"client_id\",\"client_secret\"}`" + `; the
secret is null when its hash was given. A rotation takes ` + "`client_secret`" + ` or its hash.`
}

// Members of its config.
func (OAuth2) Members() Members {
	return Members{
		Identifiers: []string{"client_id"},
		Secrets:     []string{"client_secret", "client_secret_hash"},
		Settings:    []string{"scopes", "token_ttl_seconds", "refresh_ttl_seconds"},
	}
}

// Place: the header Authorization and nowhere else.
func (OAuth2) Place(asked *domain.Placement, _ json.RawMessage) (domain.Placement, error) {
	return fixed(asked, "Authorization")
}

// Issue takes everything. The client id is the credential's id when none is
// given.
func (o OAuth2) Issue(credentialID string, given Config) (Made, error) {
	c, err := o.Members().issue(given)
	if err != nil {
		return Made{}, err
	}
	config := OAuth2Config{ClientID: credentialID, Scopes: []string{}, TokenTTLSeconds: defaultTokenTTL, RefreshTTLSeconds: defaultRefreshTTL}
	err = first(
		set(c, "client_id", &config.ClientID, credentialID, isClientID, "A client id is 1 to 256 printable ASCII characters without a space."),
		config.apply(c),
	)
	if err != nil {
		return Made{}, err
	}
	return o.make(config, c)
}

// Rotate takes {"client_secret"} or {"client_secret_hash"}.
func (o OAuth2) Rotate(current json.RawMessage, given Config) (Made, error) {
	config, c, err := rotating[OAuth2Config](o.Members(), current, given)
	if err != nil {
		return Made{}, err
	}
	return o.make(config, c)
}

// Configure changes scopes and lifetimes: of tokens that are given out from then
// on.
func (o OAuth2) Configure(current json.RawMessage, patch Config) (json.RawMessage, error) {
	return configured(o.Members(), current, patch, (*OAuth2Config).apply)
}

// Unique: the client id.
func (OAuth2) Unique(settings domain.Settings) (identifier string, secret bool, err error) {
	return named(settings.Config, func(c OAuth2Config) string { return c.ClientID })
}

// apply changes settings.
func (config *OAuth2Config) apply(c members) error {
	return first(
		set(c, "scopes", &config.Scopes, []string{}, areScopes,
			"The value is a list of at most 64 scopes, none twice: 1 to 128 printable ASCII characters without space, quotation mark or backslash, 2048 in all."),
		set(c, "token_ttl_seconds", &config.TokenTTLSeconds, defaultTokenTTL, between(minTokenTTL, maxTokenTTL), "The value is a whole number, 1 to 86400."),
		set(c, "refresh_ttl_seconds", &config.RefreshTTLSeconds, defaultRefreshTTL, between(0, maxRefreshTTL), "The value is a whole number, 0 to 31536000."),
	)
}

func (OAuth2) make(config OAuth2Config, c members) (Made, error) {
	public, err := json.Marshal(config)
	if err != nil {
		return Made{}, err
	}
	made := Made{Config: public, Identifier: config.ClientID}
	plain, made, err := made.password(c, "client_secret", secret.ClientSecret, isClientSecret, "A client secret is 8 to 256 printable ASCII characters.")
	made.Shown = shownClient{ClientID: config.ClientID, ClientSecret: plain}
	return made, err
}

func isClientID(text string) bool { return within(text, 1, maxClientID) && isVisible(text) }

func isClientSecret(text string) bool {
	return within(text, minClientSecret, maxClientSecret) && isASCII(text)
}

// areScopes: scope-token of RFC 6749, section 3.3.
func areScopes(scopes []string) bool {
	if len(scopes) > maxScopes || len(strings.Join(scopes, " ")) > maxScopesText {
		return false
	}
	for i, scope := range scopes {
		if !within(scope, 1, maxScope) || !isVisible(scope) || strings.ContainsAny(scope, `"\`) || slices.Contains(scopes[:i], scope) {
			return false
		}
	}
	return true
}
