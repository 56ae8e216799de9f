package up_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"golang.org/x/oauth2/clientcredentials"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
)

// oauthHouse is all services, with a client whose tokens the gateway lets through
// to what answers with their scopes.
type oauthHouse struct {
	*apptest.Harness
	id, secret string
}

func openHouse(t *testing.T) oauthHouse {
	t.Helper()
	h := apptest.Start(t, up.Services()...)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Header.Get("X-Consumer-Id") + " may " + r.Header.Get("X-Token-Scopes")))
	}))
	t.Cleanup(upstream.Close)
	admin := h.Admin()
	admin.Post("/v1/consumers", map[string]any{"id": "acme", "name": "Acme", "team": "apps"}).Want(http.StatusCreated)
	admin.Post("/v1/services", map[string]any{
		"id": "petstore", "name": "Petstore", "team": "pets", "accepts": []string{"oauth2"}, "approval": map[string]any{"mode": "auto"},
		"routes": []map[string]any{{"path_prefix": "/petstore"}}, "upstreams": []map[string]any{{"url": upstream.URL, "weight": 1}},
	}).Want(http.StatusCreated)
	admin.Post("/v1/services/petstore/publish", nil).Want(http.StatusOK)
	client := admin.Post("/v1/consumers/acme/credentials", map[string]any{
		"name": "shop", "type": "oauth2", "config": map[string]any{"scopes": []string{"pets:read", "pets:write"}},
	}).Want(http.StatusCreated)
	admin.Post("/v1/subscriptions", map[string]any{"consumer_id": "acme", "service_id": "petstore"}, "Prefer: wait=10").Want(http.StatusCreated)
	return oauthHouse{h, client.Text("secret.client_id"), client.Text("secret.client_secret")}
}

// token asks for a token as an unchanged client does.
func (h oauthHouse) token(t *testing.T, scopes ...string) string {
	t.Helper()
	given, err := (&clientcredentials.Config{
		ClientID: h.id, ClientSecret: h.secret, TokenURL: h.URL("portal") + "/oauth2/token", Scopes: scopes,
	}).Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return given.AccessToken
}

// call calls through the gateway with a token.
func (h oauthHouse) call(token string) *apptest.Answer {
	return h.Call(http.MethodGet, "/petstore", "Authorization: Bearer "+token)
}

func TestTokensOfAnOAuthClientOpenTheGateway(t *testing.T) {
	h := openHouse(t)
	token := h.token(t, "pets:read")
	if got := string(h.call(token).Want(http.StatusOK).Body); got != "acme may pets:read" {
		t.Errorf("upstream was told %q", got)
	}

	t.Run("until they are revoked", func(t *testing.T) {
		other := h.token(t)
		form := url.Values{"token": {token}, "client_id": {h.id}, "client_secret": {h.secret}}
		revoked := h.Anonymous().Post("/oauth2/revoke", form.Encode(), "Content-Type: application/x-www-form-urlencoded", "Prefer: wait=10").Want(http.StatusOK)
		if applied := revoked.Header.Get("Tidegate-Applied"); applied != "1/1" {
			t.Errorf("%s gateways have applied it", applied)
		}
		h.call(token).Refused(http.StatusUnauthorized, "credential_invalid")
		if got := string(h.call(other).Want(http.StatusOK).Body); got != "acme may pets:read pets:write" {
			t.Errorf("upstream was told %q", got)
		}
	})
	t.Run("while the keys that sign them are rotated", func(t *testing.T) {
		before := h.token(t)
		h.Admin().Post("/v1/signing-keys/rotate", nil, "Prefer: wait=10").Want(http.StatusOK)
		after := h.token(t)
		h.call(before).Want(http.StatusOK)
		h.call(after).Want(http.StatusOK)
		h.Admin().Post("/v1/signing-keys/rotate", map[string]any{"overlap_seconds": 0}, "Prefer: wait=10").Want(http.StatusOK)
		h.call(before).Refused(http.StatusUnauthorized, "credential_invalid")
		h.call(after).Refused(http.StatusUnauthorized, "credential_invalid")
		h.call(h.token(t)).Want(http.StatusOK)
	})
	t.Run("and nothing else", func(t *testing.T) {
		token := h.token(t)
		for _, path := range []string{"/v1/consumers", "/v1/signing-keys"} {
			if answer := h.Anonymous().Get(path, "Authorization: Bearer "+token); answer.Status != http.StatusUnauthorized {
				t.Errorf("%s is answered %d to an access token", path, answer.Status)
			}
		}
		management, err := h.Issuer().Token("admin", nil, nil, 1e12)
		if err != nil {
			t.Fatal(err)
		}
		h.call(management).Refused(http.StatusUnauthorized, "credential_invalid")
	})
	t.Run("and their keys are at their own address, apart from those of management tokens", func(t *testing.T) {
		own := map[string]bool{}
		for _, path := range []string{"/.well-known/jwks.json", "/.well-known/management-jwks.json"} {
			answer := h.Anonymous().Get(path).Want(http.StatusOK)
			if kid := answer.Text("keys.0.kid"); kid == "" || own[kid] {
				t.Errorf("%s has %s", path, answer.Body)
			} else {
				own[kid] = true
			}
		}
		metadata := h.Anonymous().Get("/.well-known/oauth-authorization-server").Want(http.StatusOK)
		if got := metadata.Text("token_endpoint"); got != h.URL("portal")+"/oauth2/token" {
			t.Errorf("the token endpoint is said to be %s", got)
		}
	})
}
