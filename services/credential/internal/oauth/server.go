// Package oauth is the OAuth 2 server: the token endpoint (RFC 6749, the grants
// client_credentials and refresh_token), introspection (RFC 7662), revocation
// (RFC 7009), the metadata (RFC 8414) and the keys; and /login, which serves the
// owners of API keys too.
//
// Access tokens are JWTs (RFC 9068) that gateways verify by themselves; refresh
// tokens are sealed to the key ring and work once. Neither is stored: what is in
// events is that one was revoked.
//
// Whoever calls is judged by this service's own store. Unknown and wrong are
// told apart neither by the answer nor by the time that it takes: a failure costs
// a slow hash, always. What it does not do: it does not limit how often somebody
// may guess.
package oauth

import (
	"context"
	"log/slog"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/token"
)

// Config is what the server works with.
type Config struct {
	Store    es.Store
	Registry *events.Registry
	Ring     *secret.Ring
	Clock    func() time.Time
	Log      *slog.Logger
	// Keys are the keys that sign.
	Keys *Keys
	// URL is the outside address: the issuer. Empty: the one that a caller used.
	URL string
	// CatchUp waits until a context's facts are as its owner has them; an error
	// says that the owner cannot be asked.
	CatchUp func(ctx context.Context, source ...string) error
}

// Server is the OAuth 2 server.
type Server struct {
	Config
	tokens *es.Handler[token.State, token.Revoke]
	dummy  string // the hash of nothing: what a failure is verified against
}

// Paths of the endpoints.
const (
	TokenPath      = "/oauth2/token"
	IntrospectPath = "/oauth2/introspect"
	RevokePath     = "/oauth2/revoke"
	LoginPath      = "/login"
	MetadataPath   = "/.well-known/oauth-authorization-server"
	KeysPath       = "/.well-known/jwks.json"
)

// Register adds the endpoints to a server.
func Register(s *httpapi.Server, cfg Config) {
	o := &Server{Config: cfg, dummy: secret.HashPassword(secret.Generate(secret.ClientSecret))}
	if cfg.Store != nil { // nil: only to be described
		o.tokens = es.NewHandler(cfg.Store, cfg.Registry, token.Decider, nil)
	}
	o.describe(s)
}

// issuer answers who issues tokens: the outside address.
func (o *Server) issuer(in *httpapi.RawRequest) string {
	if o.URL != "" {
		return o.URL
	}
	return in.Base
}

// endpoint answers the form of a call, or why it cannot be read.
type endpoint func(ctx context.Context, in *httpapi.RawRequest, form form) (*httpapi.RawResponse, error)

// form wraps an endpoint that takes one.
func (o *Server) form(serve endpoint) func(context.Context, *httpapi.RawRequest) *httpapi.RawResponse {
	return o.answering(func(ctx context.Context, in *httpapi.RawRequest) (*httpapi.RawResponse, error) {
		read, err := readForm(in)
		if err != nil {
			return nil, err
		}
		return serve(ctx, in, read)
	})
}

// answering wraps an endpoint: its errors are answered as OAuth writes them.
func (o *Server) answering(serve func(context.Context, *httpapi.RawRequest) (*httpapi.RawResponse, error)) func(context.Context, *httpapi.RawRequest) *httpapi.RawResponse {
	return func(ctx context.Context, in *httpapi.RawRequest) *httpapi.RawResponse {
		answer, err := serve(ctx, in)
		if err != nil {
			return o.refuse(ctx, err)
		}
		return answer
	}
}

// private answers JSON that nobody may keep (RFC 6749, section 5.1).
func private(body any) *httpapi.RawResponse {
	return &httpapi.RawResponse{Status: 200, Header: map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache"}, Body: body}
}
