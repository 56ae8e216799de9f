package oauth

import (
	"context"
	"errors"
	"strings"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// Introspection is what is told of a token (RFC 7662, section 2.2): of one that
// does not count, or that the caller may not see, that it is not active, and
// nothing else.
type Introspection struct {
	Active       bool   `json:"active"`
	Scope        string `json:"scope,omitempty" example:"pets:read"`
	ClientID     string `json:"client_id,omitempty"`
	TokenType    string `json:"token_type,omitempty" doc:"Bearer, or refresh_token." example:"Bearer"`
	ExpiresAt    int64  `json:"exp,omitempty"`
	IssuedAt     int64  `json:"iat,omitempty"`
	NotBefore    int64  `json:"nbf,omitempty"`
	Subject      string `json:"sub,omitempty"`
	Audience     string `json:"aud,omitempty"`
	Issuer       string `json:"iss,omitempty"`
	ID           string `json:"jti,omitempty"`
	CredentialID string `json:"credential_id,omitempty"`
	ConsumerID   string `json:"consumer_id,omitempty"`
	GrantID      string `json:"grant_id,omitempty"`
}

// inquirer is who asks about tokens: a client, of its own, or whoever manages the
// credentials that they are of.
type inquirer struct {
	client *client
	ctx    context.Context // of the management caller, which Authorize reads
}

// inquire answers who asks.
func (o *Server) inquire(ctx context.Context, in *httpapi.RawRequest, f form) (inquirer, error) {
	given := in.Header("Authorization")
	if len(given) == 1 && strings.EqualFold(strings.SplitN(given[0], " ", 2)[0], "bearer") {
		if f["client_secret"] != "" {
			return inquirer{}, invalidRequest("The caller proves itself in two ways: use one.")
		}
		ctx, err := in.Caller(ctx)
		if errors.Is(err, httpapi.ErrUnauthenticated) {
			err = errClient
		}
		return inquirer{ctx: ctx}, err
	}
	c, err := o.authenticate(ctx, in, f)
	if err != nil {
		return inquirer{}, err
	}
	return inquirer{client: c, ctx: as(ctx, c)}, nil
}

// may says whether it may do this with the tokens of a credential.
func (i inquirer) may(c *client, verb httpapi.Verb) bool {
	if i.client != nil {
		return i.client.Concerns.CredentialID == c.Concerns.CredentialID
	}
	return httpapi.Authorize(i.ctx, httpapi.Access{Object: httpapi.Credential, Verb: verb, Team: c.Concerns.Team}) == nil
}

// introspect is POST /oauth2/introspect.
func (o *Server) introspect(ctx context.Context, in *httpapi.RawRequest, f form) (*httpapi.RawResponse, error) {
	who, err := o.inquire(ctx, in, f)
	if err != nil {
		return nil, err
	}
	text := f["token"]
	if text == "" {
		return nil, invalidRequest("The parameter token is missing.")
	}
	var told Introspection
	if r, ours := o.open(text); ours {
		told, err = o.tellRefresh(ctx, r, who)
	} else {
		told, err = o.tellAccess(ctx, text, who)
	}
	if err != nil {
		return nil, err
	}
	return private(told), nil
}

func (o *Server) tellAccess(ctx context.Context, text string, who inquirer) (Introspection, error) {
	said, err := o.read(ctx, text)
	if errors.Is(err, errNotOurs) {
		return Introspection{}, nil
	}
	if err != nil {
		return Introspection{}, err
	}
	c, good, err := o.good(ctx, said)
	if err != nil || !good || !who.may(c, httpapi.Read) {
		return Introspection{}, err
	}
	return Introspection{
		Active: true, Scope: said.Scope, ClientID: said.ClientID, TokenType: "Bearer", ExpiresAt: said.ExpiresAt.Unix(),
		IssuedAt: said.IssuedAt.Unix(), NotBefore: said.NotBefore.Unix(), Subject: said.Subject, Audience: credential.TokenAudience,
		Issuer: said.Issuer, ID: said.ID, CredentialID: said.CredentialID, ConsumerID: c.Concerns.ConsumerID, GrantID: said.GrantID,
	}, nil
}

func (o *Server) tellRefresh(ctx context.Context, r refresh, who inquirer) (Introspection, error) {
	c, err := o.usable(ctx, r, nil)
	if _, refused := errors.AsType[*Error](err); refused {
		return Introspection{}, nil
	}
	if err != nil || !who.may(c, httpapi.Read) {
		return Introspection{}, err
	}
	revoked, err := o.revoked(ctx, r.Grant)
	if revoked || err != nil {
		return Introspection{}, err
	}
	if unused, err := o.unused(ctx, r); !unused || err != nil {
		return Introspection{}, err
	}
	return Introspection{
		Active: true, Scope: strings.Join(r.Scopes, " "), ClientID: c.settings.ClientID, TokenType: "refresh_token", ExpiresAt: r.Expires,
		IssuedAt: r.Issued, Subject: c.settings.ClientID, CredentialID: r.Credential, ConsumerID: c.Concerns.ConsumerID, GrantID: r.Grant,
	}, nil
}
