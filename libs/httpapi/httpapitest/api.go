// Package httpapitest is how a service tests its API: over real HTTP, as any
// caller, in a line a call.
//
//	api := httpapitest.Start(t, httpapi.Config{Service: "consumer", Idempotency: store}, register)
//	acme := api.Developer("payments").Post(t, "/v1/consumers", map[string]any{"name": "acme"}).Want(t, 201)
//	api.Developer("other").Get(t, "/v1/consumers/acme").Refused(t, 404, "not_found")
//
// Walk tries every operation of an OpenAPI document with bad input.
package httpapitest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// API is a server that is being tested.
type API struct {
	URL    string
	Server *httpapi.Server
}

// Start serves what register registers, on a port of its own, till the test
// ends. Tokens are judged by Tokens when cfg names no authenticator.
func Start(t testing.TB, cfg httpapi.Config, register func(*httpapi.Server)) *API {
	t.Helper()
	if cfg.Auth == nil {
		cfg.Auth = Tokens{}
	}
	if cfg.Version == "" {
		cfg.Version = "test"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	server := httpapi.New(cfg)
	register(server)
	return Serve(t, server)
}

// Serve serves a server that stands, till the test ends.
func Serve(t testing.TB, server *httpapi.Server) *API {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shut the server down: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return &API{URL: "http://" + listener.Addr().String(), Server: server}
}

// As answers a client that calls as c. Its connections are its own, and idle
// ones are not kept, so that nothing outlives the test.
func (a *API) As(c httpapi.Caller) *Client {
	return a.Anonymous().With("Authorization", "Bearer "+Token(c))
}

// Anonymous answers a client without a token.
func (a *API) Anonymous() *Client {
	return &Client{url: a.URL, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}}
}

// Admin, Auditor, Developer and Provider answer clients of one role. The
// subject is the role's name, with the first team: "developer@payments".
func (a *API) Admin() *Client                    { return a.role(httpapi.Admin, nil) }
func (a *API) Auditor() *Client                  { return a.role(httpapi.Auditor, nil) }     //nolint:revive // see Admin
func (a *API) Developer(teams ...string) *Client { return a.role(httpapi.Developer, teams) } //nolint:revive // see Admin
func (a *API) Provider(teams ...string) *Client  { return a.role(httpapi.Provider, teams) }  //nolint:revive // see Admin

func (a *API) role(role httpapi.Role, teams []string) *Client {
	subject := string(role)
	if len(teams) > 0 {
		subject += "@" + teams[0]
	}
	return a.As(httpapi.Caller{Subject: subject, Roles: []httpapi.Role{role}, Teams: teams})
}

// Tokens judges the tokens that Token makes. They are not signed: it is for
// tests alone.
type Tokens struct{}

const tokenPrefix = "test."

// Token answers a token of c.
func Token(c httpapi.Caller) string {
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings alone
	}
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// Authenticate reads a token.
func (Tokens) Authenticate(_ context.Context, token string) (httpapi.Caller, error) {
	var c httpapi.Caller
	encoded, ok := strings.CutPrefix(token, tokenPrefix)
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if !ok || err != nil || json.Unmarshal(raw, &c) != nil {
		return httpapi.Caller{}, fmt.Errorf("%w: not a token of this test", httpapi.ErrUnauthenticated)
	}
	return c, nil
}

var _ httpapi.Authenticator = Tokens{}
