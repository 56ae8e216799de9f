package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// revocation is POST /oauth2/revoke. A token that is none, or that has ended, is
// answered as one that has now: there is nothing left to refuse. Revoking a
// refresh token ends its grant, and every access token that came of it.
func (o *Server) revocation(ctx context.Context, in *httpapi.RawRequest, f form) (*httpapi.RawResponse, error) {
	who, err := o.inquire(ctx, in, f)
	if err != nil {
		return nil, err
	}
	text := f["token"]
	if text == "" {
		return nil, invalidRequest("The parameter token is missing.")
	}
	done := private(nil)
	id, credentialID, until, err := o.identify(ctx, text)
	if errors.Is(err, errNotOurs) {
		return done, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := o.load(ctx, credentialID)
	if err != nil {
		return nil, err
	}
	if c == nil || !who.may(c, httpapi.Write) {
		return nil, &Error{Code: "invalid_grant", Description: "The token was issued to another client.", status: 400}
	}
	if !o.Clock().Before(until) {
		return done, nil
	}
	if revoked, err := o.revoked(ctx, id); revoked || err != nil {
		return done, err
	}
	return done, o.revoke(who.ctx, c, id, until)
}

// identify answers what is to be revoked of a token, whose it is, and when it has
// ended by itself.
func (o *Server) identify(ctx context.Context, text string) (id, credentialID string, until time.Time, err error) {
	if r, ours := o.open(text); ours {
		return r.Grant, r.Credential, o.Clock().Add(longest), nil
	}
	said, err := o.read(ctx, text)
	if err != nil {
		return "", "", time.Time{}, err
	}
	return said.ID, said.CredentialID, said.ExpiresAt.Time, nil
}
