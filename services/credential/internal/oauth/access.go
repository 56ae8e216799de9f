package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential/internal/signing"
	"github.com/tidegate-io/tidegate/services/credential/internal/token"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// claims are those of an access token (RFC 9068).
type claims struct {
	jwt.RegisteredClaims

	ClientID      string `json:"client_id"`
	Scope         string `json:"scope,omitempty"`
	CredentialID  string `json:"credential_id"`
	SecretVersion int    `json:"secret_version"`
	GrantID       string `json:"grant_id,omitempty"`
}

// grant is what a client is given tokens by.
type grant struct {
	id      string // empty: without a refresh token, so that nothing comes of it
	version int    // of the secret that was shown
	scopes  []string
	issuer  string
}

// access makes an access token, which lives no longer than the credential and
// the version of its secret that was shown. errClient when that is no time at
// all.
func (o *Server) access(ctx context.Context, c *client, g grant) (signed string, lives time.Duration, err error) {
	now := o.Clock().Truncate(time.Second)
	end := now.Add(time.Duration(c.settings.TokenTTLSeconds) * time.Second)
	until, accepted := accepts(c.Credential, g.version, o.Clock())
	if !until.IsZero() && until.Before(end) {
		end = until.Truncate(time.Second)
	}
	if !accepted || !end.After(now) {
		return "", 0, errClient
	}
	kid, private, err := o.Keys.Current(ctx)
	if err != nil {
		return "", 0, err
	}
	made := jwt.NewWithClaims(jwt.SigningMethodES256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: g.issuer, Subject: c.settings.ClientID, Audience: jwt.ClaimStrings{credential.TokenAudience},
			ID: es.NewTypeID(strings.TrimSuffix(credential.TokenPrefix, "_"), now), IssuedAt: jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(end),
		},
		ClientID: c.settings.ClientID, Scope: strings.Join(g.scopes, " "),
		CredentialID: c.Concerns.CredentialID, SecretVersion: g.version, GrantID: g.id,
	})
	made.Header["typ"], made.Header["kid"] = credential.TokenType, kid
	if signed, err = made.SignedString(private); err != nil {
		return "", 0, fmt.Errorf("sign an access token: %w", err)
	}
	return signed, end.Sub(now), nil
}

var errNotOurs = errors.New("not an access token of this server")

// read answers what an access token of ours says, one that has expired too;
// errNotOurs when it is none.
func (o *Server) read(ctx context.Context, text string) (*claims, error) {
	set, err := o.Keys.Set(ctx)
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	said := &claims{}
	_, err = parser.ParseWithClaims(text, said, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		i := slices.IndexFunc(set.Keys, func(key credential.SigningKey) bool { return key.KID == kid })
		if t.Header["typ"] != credential.TokenType || i < 0 || signing.Over(set.Keys[i], o.Clock()) {
			return nil, errNotOurs
		}
		return publicKey(set.Keys[i].JWK)
	})
	if err != nil || !slices.Equal(said.Audience, jwt.ClaimStrings{credential.TokenAudience}) || said.ExpiresAt == nil || said.IssuedAt == nil ||
		!credential.IsToken(said.ID) || said.GrantID != "" && !credential.IsToken(said.GrantID) {
		return nil, errNotOurs
	}
	return said, nil
}

// revoked says whether a token or a grant was.
func (o *Server) revoked(ctx context.Context, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	state, _, err := o.tokens.State(ctx, id)
	return state.Revoked, err
}

// good says whether an access token would be let through, as far as it goes.
func (o *Server) good(ctx context.Context, said *claims) (c *client, ok bool, err error) {
	if c, err = o.load(ctx, said.CredentialID); c == nil || err != nil {
		return nil, false, err
	}
	if !o.Clock().Before(said.ExpiresAt.Time) {
		return c, false, nil
	}
	for _, id := range []string{said.ID, said.GrantID} {
		if revoked, err := o.revoked(ctx, id); revoked || err != nil {
			return c, false, err
		}
	}
	ok, err = o.standing(ctx, c.Credential, said.SecretVersion)
	return c, ok, err
}

// standing says whether a credential, its consumer and a version of its secret
// count.
func (o *Server) standing(ctx context.Context, c views.Credential, version int) (bool, error) {
	if _, accepted := accepts(c, version, o.Clock()); !accepted {
		return false, nil
	}
	return o.active(ctx, c, false)
}

// longest is how long an access token lives at most, and then some: gateways
// remember for so long that a grant was revoked.
const longest = 25 * time.Hour

// revoke refuses a token or a grant from now on.
func (o *Server) revoke(ctx context.Context, c *client, id string, until time.Time) error {
	_, err := o.tokens.Handle(ctx, id, token.Revoke{Of: c.Concerns, ID: id, ExpiresAt: until})
	return err
}
