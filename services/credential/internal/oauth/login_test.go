package oauth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/services/credential/internal/oauth"
)

func (w *world) login(t *testing.T, body string) answer {
	t.Helper()
	return w.send(t, http.MethodPost, oauth.LoginPath, body, "Content-Type: application/json")
}

func TestLogin(t *testing.T) {
	w := start(t)
	key := w.issue(t, "key", "api_key", `{}`)
	own := w.issue(t, "own", "api_key", `{"key":"a key of my own, with spaces"}`)
	c := w.issue(t, "client", "oauth2", `{"scopes":["a"]}`)
	t.Run("with an API key answers the key itself, again and again", func(t *testing.T) {
		for _, secret := range []string{key.Secret.APIKey, own.Secret.APIKey, key.Secret.APIKey} {
			got := w.login(t, `{"api_key":"`+secret+`"}`).want(t, 200)
			if string(got.Body) != `{"token":"`+secret+`","token_type":"api_key"}`+"\n" || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v %s", got.Header, got.Body)
			}
		}
	})
	t.Run("with a client answers tokens, which refresh", func(t *testing.T) {
		got := w.login(t, `{"client_id":"`+c.ID+`","client_secret":"`+c.Secret.ClientSecret+`"}`).want(t, 200)
		if got.TokenType != "Bearer" || got.Scope != "a" || !w.active(t, c, got.AccessToken) {
			t.Errorf("%s", got.Body)
		}
		next := w.login(t, `{"refresh_token":"`+got.RefreshToken+`"}`).want(t, 200)
		if w.claims(t, next.AccessToken)["grant_id"] != w.claims(t, got.AccessToken)["grant_id"] {
			t.Error("it is another grant")
		}
		w.login(t, `{"refresh_token":"`+got.RefreshToken+`"}`).refused(t, 401, "invalid_client")
		if w.active(t, c, next.AccessToken) {
			t.Error("the grant goes on after a refresh token was shown twice")
		}
	})
	t.Run("with what is wrong", func(t *testing.T) {
		for name, body := range map[string]string{
			"an API key that nobody has":  `{"api_key":"tg_k_0000000000000000000000000000000000000000000000000"}`,
			"one with a typing error":     `{"api_key":"` + key.Secret.APIKey[:20] + "x" + key.Secret.APIKey[21:] + `"}`,
			"a client secret as API key":  `{"api_key":"` + c.Secret.ClientSecret + `"}`,
			"an API key as client secret": `{"client_id":"` + key.ID + `","client_secret":"` + key.Secret.APIKey + `"}`,
			"a client that nobody knows":  `{"client_id":"x","client_secret":"y"}`,
			"a wrong client secret":       `{"client_id":"` + c.ID + `","client_secret":"y"}`,
			"a refresh token of nobody":   `{"refresh_token":"tg_r_x"}`,
		} {
			t.Run(name, func(t *testing.T) { w.login(t, body).refused(t, 401, "invalid_client") })
		}
	})
	t.Run("with what is none of the three", func(t *testing.T) {
		for name, body := range map[string]string{
			"nothing": ``, "an empty object": `{}`, "a list": `[]`, "text": `"x"`, "no JSON": `{"api_key":`, "two objects": `{"api_key":"x"}{}`,
			"half a client": `{"client_id":"x"}`, "the other half": `{"client_secret":"x"}`, "two kinds": `{"api_key":"x","refresh_token":"y"}`,
			"a member of another kind": `{"client_id":"x","client_secret":"y","scope":"a"}`, "a number": `{"api_key":5}`, "null": `{"api_key":null}`,
			"an empty key": `{"api_key":""}`, "a member twice": `{"api_key":"x","api_key":"y"}`, "an object inside": `{"api_key":{}}`,
			"a list inside": `{"api_key":["x"]}`, "an unknown member": `{"password":"x"}`, "no UTF-8": "{\"api_key\":\"\xff\"}",
		} {
			t.Run(name, func(t *testing.T) { w.login(t, body).refused(t, 400, "invalid_request") })
		}
		w.send(t, http.MethodPost, oauth.LoginPath, "api_key=x", "Content-Type: application/x-www-form-urlencoded").refused(t, 400, "invalid_request")
		w.login(t, `{"api_key":"`+strings.Repeat("x", 65<<10)+`"}`).refused(t, 413, "invalid_request")
	})
	t.Run("with a key that is suspended, rotated or revoked", func(t *testing.T) {
		dead := func() { w.login(t, `{"api_key":"`+key.Secret.APIKey+`"}`).refused(t, 401, "invalid_client") }
		dev := w.Developer("payments")
		dev.Post(t, key.path()+"/suspend", nil).Want(t, 200)
		dead()
		dev.Post(t, key.path()+"/resume", nil).Want(t, 200)
		w.login(t, `{"api_key":"`+key.Secret.APIKey+`"}`).want(t, 200)
		dev.Post(t, key.path()+"/rotate", nil).Want(t, 200)
		dead()
		dev.Post(t, own.path()+"/revoke", nil).Want(t, 200)
		w.login(t, `{"api_key":"`+own.Secret.APIKey+`"}`).refused(t, 401, "invalid_client")
	})
	for _, sensitive := range []string{key.Secret.APIKey, own.Secret.APIKey, c.Secret.ClientSecret} {
		if strings.Contains(w.log.String(), sensitive) || strings.Contains(w.events(t), sensitive) {
			t.Error("a secret is in the log, or in an event")
		}
	}
}
