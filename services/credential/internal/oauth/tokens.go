package oauth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// Tokens is a token response (RFC 6749, section 5.1).
type Tokens struct {
	AccessToken  string `json:"access_token" doc:"A JWT (RFC 9068), to be sent as Authorization: Bearer."`
	TokenType    string `json:"token_type" example:"Bearer"`
	ExpiresIn    int64  `json:"expires_in" doc:"Seconds." example:"3600"`
	Scope        string `json:"scope,omitempty" doc:"What was granted, separated by spaces." example:"pets:read pets:write"`
	RefreshToken string `json:"refresh_token,omitempty" doc:"It works once."`
}

// token is POST /oauth2/token.
func (o *Server) token(ctx context.Context, in *httpapi.RawRequest, f form) (*httpapi.RawResponse, error) {
	c, err := o.authenticate(ctx, in, f)
	if err != nil {
		return nil, err
	}
	ctx = as(ctx, c)
	var tokens *Tokens
	switch f["grant_type"] {
	case "client_credentials":
		tokens, err = o.begin(ctx, o.issuer(in), f["scope"], c)
	case "refresh_token":
		if f["refresh_token"] == "" {
			return nil, invalidRequest("The parameter refresh_token is missing.")
		}
		tokens, err = o.exchange(ctx, o.issuer(in), f["refresh_token"], f["scope"], c)
	case "":
		return nil, invalidRequest("The parameter grant_type is missing.")
	default:
		return nil, &Error{Code: "unsupported_grant_type", Description: "The grant types are client_credentials and refresh_token.", status: 400}
	}
	if err != nil {
		return nil, err
	}
	return private(tokens), nil
}

// as accounts what follows to a client.
func as(ctx context.Context, c *client) context.Context {
	return es.WithMeta(ctx, es.Meta{Actor: c.settings.ClientID, CorrelationID: httpapi.RequestID(ctx)})
}

// begin gives a client its first tokens.
func (o *Server) begin(ctx context.Context, issuer, scope string, c *client) (*Tokens, error) {
	scopes, err := narrow(c.settings.Scopes, scope)
	if err != nil {
		return nil, err
	}
	tokens, _, err := o.tokensOf(ctx, c, grant{id: o.newGrant(c), version: c.version, scopes: scopes, issuer: issuer}, scopes)
	return tokens, err
}

// tokensOf makes the tokens of a grant; refreshable are the scopes that can be
// asked for again. id is that of the refresh token; empty: there is none.
func (o *Server) tokensOf(ctx context.Context, c *client, g grant, refreshable []string) (tokens *Tokens, id string, err error) {
	signed, lives, err := o.access(ctx, c, g)
	if err != nil {
		return nil, "", err
	}
	scope := strings.Join(g.scopes, " ")
	g.scopes = refreshable
	id, refreshToken, err := o.next(c, g)
	return &Tokens{
		AccessToken: signed, TokenType: "Bearer", ExpiresIn: int64(lives / time.Second), Scope: scope, RefreshToken: refreshToken,
	}, id, err
}

// narrow answers the scopes that are asked for, all when none is; invalid_scope
// when one may not be asked for.
func narrow(may []string, asked string) ([]string, error) {
	if asked == "" {
		return may, nil
	}
	var scopes []string
	for scope := range strings.SplitSeq(asked, " ") {
		if !slices.Contains(may, scope) {
			return nil, invalidScope()
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes, nil
}
