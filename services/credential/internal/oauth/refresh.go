package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential/internal/token"
)

// refresh is what a refresh token says, sealed to the key ring: nobody can read
// it, and nothing of it is stored until it is used.
type refresh struct {
	Credential string   `json:"c"`
	Version    int      `json:"v"` // of the secret that was shown
	Grant      string   `json:"g"`
	Scopes     []string `json:"s"`
	Issued     int64    `json:"i"` // Unix
	Expires    int64    `json:"e"`
	ID         string   `json:"j"`
}

const (
	refreshPrefix = "tg_r_"
	refreshAAD    = "refresh token"
	// refreshScope is the claim by which a refresh token works once. The grant is
	// what is claimed, and the one token of it that works now is the holder;
	// nobody is while that is the first.
	refreshScope = "oauth2_grant"
)

// seal writes a refresh token.
func (o *Server) seal(r refresh) (string, error) {
	plain, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("write a refresh token: %w", err)
	}
	sealed, err := o.Ring.Seal(refreshAAD, plain)
	if err != nil {
		return "", fmt.Errorf("seal a refresh token: %w", err)
	}
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open reads a refresh token of ours, one that has expired too.
func (o *Server) open(text string) (refresh, bool) {
	var r refresh
	encoded, ours := strings.CutPrefix(text, refreshPrefix)
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !ours || err != nil {
		return r, false
	}
	plain, err := o.Ring.Open(refreshAAD, sealed)
	if err != nil || json.Unmarshal(plain, &r) != nil {
		return refresh{}, false
	}
	return r, true
}

// next answers the refresh token that follows another of the same grant, or
// begins one; empty when the client has none. It lives as long as the settings
// say from now, and no longer than the credential.
func (o *Server) next(c *client, g grant) (id, text string, err error) {
	if g.id == "" || c.settings.RefreshTTLSeconds == 0 {
		return "", "", nil
	}
	now := o.Clock()
	end := now.Add(time.Duration(c.settings.RefreshTTLSeconds) * time.Second)
	if until, _ := accepts(c.Credential, g.version, now); !until.IsZero() && until.Before(end) {
		end = until
	}
	id = es.NewTypeID("ref", now)
	text, err = o.seal(refresh{
		Credential: c.Concerns.CredentialID, Version: g.version, Grant: g.id, Scopes: g.scopes,
		Issued: now.Unix(), Expires: end.Unix(), ID: id,
	})
	return id, text, err
}

// usable answers the client of a refresh token while that may be used; with is
// who shows it, nil: whoever has it.
func (o *Server) usable(ctx context.Context, r refresh, with *client) (*client, error) {
	c, err := o.load(ctx, r.Credential)
	if err != nil {
		return nil, err
	}
	if c == nil || with != nil && with.Concerns.CredentialID != r.Credential || o.Clock().Unix() >= r.Expires {
		return nil, invalidGrant()
	}
	c.version = r.Version
	if with != nil {
		c.version = with.version // the grant goes on under the secret that was shown last
	}
	standing, err := o.standing(ctx, c.Credential, r.Version)
	if err != nil {
		return nil, err
	}
	if !standing {
		return nil, invalidGrant()
	}
	return c, nil
}

// exchange gives new tokens for a refresh token. All that can fail is done before
// the token is used up: what is answered works, and what is not has used nothing.
func (o *Server) exchange(ctx context.Context, issuer, text, scope string, with *client) (*Tokens, error) {
	r, ours := o.open(text)
	if !ours {
		return nil, invalidGrant()
	}
	c, err := o.usable(ctx, r, with)
	if err != nil {
		return nil, err
	}
	// What the credential may ask for no more is gone from its grants.
	granted := slices.DeleteFunc(slices.Clone(r.Scopes), func(s string) bool { return !slices.Contains(c.settings.Scopes, s) })
	scopes, err := narrow(granted, scope)
	if err != nil {
		return nil, err
	}
	tokens, id, err := o.tokensOf(ctx, c, grant{id: r.Grant, version: c.version, scopes: scopes, issuer: issuer}, granted)
	if errors.Is(err, errClient) {
		return nil, invalidGrant()
	}
	if err != nil {
		return nil, err
	}
	if id == "" { // the client is given no refresh tokens any more: this was the last
		id = es.NewTypeID("ref", o.Clock())
	}
	return tokens, o.use(ctx, c, r, id)
}

// use has the next refresh token of a grant take the place of one, in one append
// that fails when another did so before, or when the grant was revoked. A token
// that is shown again was stolen, from whoever has the other one: the whole grant
// ends.
func (o *Server) use(ctx context.Context, c *client, r refresh, next string) error {
	_, err := o.Store.Append(ctx, es.Batch{
		Stream: token.Decider.Stream(r.Grant), Expect: es.None, // nothing was told of it: it was not revoked
		Claims: []es.Claim{
			{Scope: refreshScope, Holder: r.ID, Release: true},
			{Scope: refreshScope, Value: r.Grant, Holder: next},
		},
	})
	switch {
	case errors.Is(err, es.ErrTaken):
		o.Log.WarnContext(ctx, "a refresh token was shown twice: its grant is revoked", "credential_id", r.Credential, "grant_id", r.Grant)
		if err := o.revoke(ctx, c, r.Grant, o.Clock().Add(longest)); err != nil {
			return err
		}
		return invalidGrant()
	case errors.Is(err, es.ErrConflict):
		return invalidGrant()
	}
	return err
}

// unused says whether a refresh token is the one of its grant that works.
func (o *Server) unused(ctx context.Context, r refresh) (bool, error) {
	holder, err := o.Store.Holder(ctx, refreshScope, r.Grant)
	if errors.Is(err, es.ErrNotFound) {
		return true, nil
	}
	return holder == r.ID, err
}

// newGrant answers the id of a grant; empty when the client has no refresh
// tokens.
func (o *Server) newGrant(c *client) string {
	if c.settings.RefreshTTLSeconds == 0 {
		return ""
	}
	return es.NewTypeID(strings.TrimSuffix(credential.GrantPrefix, "_"), o.Clock())
}
