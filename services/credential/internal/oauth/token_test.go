package oauth_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/oauth"
)

func TestAnUnchangedClientGetsTokens(t *testing.T) {
	w := start(t)
	for name, config := range map[string]string{
		"a generated secret":         `{"scopes":["pets:read","pets:write"]}`,
		"a chosen, difficult secret": `{"scopes":["pets:read","pets:write"],"client_id":"shop+1%20&x","client_secret":"a b+c%2Bd:e=&?\"~"}`,
	} {
		c := w.issue(t, name, "oauth2", config)
		for style, auth := range map[string]oauth2.AuthStyle{"Basic": oauth2.AuthStyleInHeader, "in the form": oauth2.AuthStyleInParams, "found out": oauth2.AuthStyleAutoDetect} {
			t.Run(name+", "+style, func(t *testing.T) {
				given, err := (&clientcredentials.Config{
					ClientID: c.Secret.ClientID, ClientSecret: c.Secret.ClientSecret, TokenURL: w.URL + oauth.TokenPath,
					Scopes: []string{"pets:read"}, AuthStyle: auth,
				}).Token(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if left := time.Until(given.Expiry); given.TokenType != "Bearer" || left < 59*time.Minute || left > time.Hour || given.Extra("scope") != "pets:read" {
					t.Fatalf("got %+v, scope %v", given, given.Extra("scope"))
				}
				claims := w.claims(t, given.AccessToken)
				for name, want := range map[string]any{
					"iss": issuer, "sub": c.Secret.ClientID, "client_id": c.Secret.ClientID, "scope": "pets:read",
					"credential_id": c.ID, "secret_version": 1.0,
				} {
					if claims[name] != want {
						t.Errorf("%s is %v, want %v", name, claims[name], want)
					}
				}
				id, _ := claims["jti"].(string)
				grant, _ := claims["grant_id"].(string)
				if !strings.HasPrefix(id, "tok_") || !strings.HasPrefix(grant, "grant_") || len(claims["aud"].([]any)) != 1 || claims["aud"].([]any)[0] != "tidegate-gateway" {
					t.Errorf("it says %v", claims)
				}
			})
		}
	}
}

func TestWhatTheTokenEndpointRefuses(t *testing.T) {
	w := start(t)
	c := w.client(t, `{"scopes":["pets:read"]}`)
	key := w.issue(t, "key", "api_key", `{}`)
	basic := func(id, password string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+password))
	}
	right := basic(c.Secret.ClientID, c.Secret.ClientSecret)
	grant := "grant_type=client_credentials"
	both := grant + "&client_id=" + c.Secret.ClientID + "&client_secret=" + c.Secret.ClientSecret
	formed := "Content-Type: application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		body    string
		headers []string
		status  int
		code    string
	}{
		"no client":                           {grant, []string{formed}, 401, "invalid_client"},
		"an id alone":                         {grant + "&client_id=" + c.ID, []string{formed}, 401, "invalid_client"},
		"a client that nobody knows":          {grant, []string{formed, basic("nobody", "x")}, 401, "invalid_client"},
		"a wrong secret":                      {grant, []string{formed, basic(c.Secret.ClientID, c.Secret.ClientSecret+"x")}, 401, "invalid_client"},
		"a wrong secret in the form":          {both + "x", []string{formed}, 401, "invalid_client"},
		"an empty secret":                     {grant, []string{formed, basic(c.Secret.ClientID, "")}, 401, "invalid_client"},
		"a credential of another type":        {grant, []string{formed, basic(key.ID, key.Secret.APIKey)}, 401, "invalid_client"},
		"a bearer token":                      {grant, []string{formed, "Authorization: Bearer x"}, 401, "invalid_client"},
		"Basic that is no base64":             {grant, []string{formed, "Authorization: Basic !!!"}, 401, "invalid_client"},
		"Basic without a colon":               {grant, []string{formed, "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("x"))}, 401, "invalid_client"},
		"two headers":                         {grant, []string{formed, right, right}, 400, "invalid_request"},
		"both ways at once":                   {both, []string{formed, right}, 400, "invalid_request"},
		"another name in the form":            {grant + "&client_id=other", []string{formed, right}, 400, "invalid_request"},
		"no grant type":                       {"scope=pets:read", []string{formed, right}, 400, "invalid_request"},
		"a grant type without a value":        {"grant_type=", []string{formed, right}, 400, "invalid_request"},
		"a grant type that is there twice":    {grant + "&" + grant, []string{formed, right}, 400, "invalid_request"},
		"any parameter that is there twice":   {grant + "&x=1&x=2", []string{formed, right}, 400, "invalid_request"},
		"an unknown grant type":               {"grant_type=password&username=a&password=b", []string{formed, right}, 400, "unsupported_grant_type"},
		"the authorization code grant":        {"grant_type=authorization_code&code=x", []string{formed, right}, 400, "unsupported_grant_type"},
		"a refresh without its token":         {"grant_type=refresh_token", []string{formed, right}, 400, "invalid_request"},
		"a refresh token that is none":        {"grant_type=refresh_token&refresh_token=tg_r_AAAA", []string{formed, right}, 400, "invalid_grant"},
		"a scope that may not be asked for":   {grant + "&scope=pets:write", []string{formed, right}, 400, "invalid_scope"},
		"one scope of two":                    {grant + "&scope=pets:read+pets:write", []string{formed, right}, 400, "invalid_scope"},
		"scopes with two spaces between them": {grant + "&scope=pets:read++pets:read", []string{formed, right}, 400, "invalid_scope"},
		"JSON":                                {`{"grant_type":"client_credentials"}`, []string{"Content-Type: application/json", right}, 400, "invalid_request"},
		"no media type":                       {grant, []string{"Content-Type: ", right}, 400, "invalid_request"},
		"another character set":               {grant, []string{formed + "; charset=latin1", right}, 400, "invalid_request"},
		"a compressed body":                   {grant, []string{formed, "Content-Encoding: gzip", right}, 400, "invalid_request"},
		"bad percent-encoding":                {grant + "&scope=%zz", []string{formed, right}, 400, "invalid_request"},
		"no UTF-8":                            {grant + "&scope=%ff", []string{formed, right}, 400, "invalid_request"},
		"a semicolon":                         {grant + ";scope=x", []string{formed, right}, 400, "invalid_request"},
		"far too much":                        {grant + "&x=" + strings.Repeat("x", 65<<10), []string{formed, right}, 413, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			w.send(t, http.MethodPost, oauth.TokenPath, test.body, test.headers...).refused(t, test.status, test.code)
		})
	}
	t.Run("parameters in the address", func(t *testing.T) {
		w.send(t, http.MethodPost, oauth.TokenPath+"?"+both, "", formed).refused(t, 400, "invalid_request")
	})
	t.Run("another method", func(t *testing.T) {
		w.Anonymous().Get(t, oauth.TokenPath).Refused(t, 405, "method_not_allowed")
	})
	t.Run("and what is right is taken", func(t *testing.T) {
		for _, headers := range [][]string{{formed + "; charset=UTF-8", right}, {formed, "Authorization: bAsIc" + strings.TrimPrefix(right, "Authorization: Basic")}} {
			got := w.send(t, http.MethodPost, oauth.TokenPath, grant+"&scope=&client_id="+c.ID+"&unknown=1", headers...).want(t, 200)
			if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Pragma") != "no-cache" || got.Scope != "pets:read" || got.ExpiresIn != 3600 {
				t.Errorf("%v %s", got.Header, got.Body)
			}
		}
	})
	for _, sensitive := range []string{c.Secret.ClientSecret, key.Secret.APIKey} {
		if strings.Contains(w.log.String(), sensitive) {
			t.Error("a secret is in the log")
		}
	}
}

func TestOnlyActiveCredentialsOfActiveConsumersGetTokens(t *testing.T) {
	w := start(t)
	c := w.client(t, `{"scopes":["a"]}`)
	before := w.tokens(t, c)
	dead := func(t *testing.T) {
		t.Helper()
		w.post(t, oauth.TokenPath, of(c, "grant_type", "client_credentials")).refused(t, 401, "invalid_client")
		w.refresh(t, c, before.RefreshToken).refused(t, 401, "invalid_client")
		w.send(t, http.MethodPost, oauth.LoginPath, `{"refresh_token":"`+before.RefreshToken+`"}`, "Content-Type: application/json").refused(t, 401, "invalid_client")
		told := w.Admin().With("Content-Type", "application/x-www-form-urlencoded").Post(t, oauth.IntrospectPath, "token="+before.AccessToken).Want(t, 200)
		if !strings.Contains(string(told.Body), `"active":false`) {
			t.Errorf("it is told as %s", told.Body)
		}
	}
	alive := func(t *testing.T) {
		t.Helper()
		w.tokens(t, c)
		if !w.active(t, c, before.AccessToken) || !w.active(t, c, before.RefreshToken) {
			t.Error("what was given out before does not count")
		}
	}
	alive(t)
	t.Run("not while the consumer is suspended", func(t *testing.T) {
		w.hear(t, consumer.Suspended{Concerns: events.Concerns{ConsumerID: "acme"}})
		dead(t)
		w.hear(t, consumer.Resumed{Concerns: events.Concerns{ConsumerID: "acme"}})
		alive(t)
	})
	t.Run("not while the credential is suspended", func(t *testing.T) {
		w.Developer("payments").Post(t, c.path()+"/suspend", nil).Want(t, 200)
		dead(t)
		w.Developer("payments").Post(t, c.path()+"/resume", nil).Want(t, 200)
		alive(t)
	})
	t.Run("not after its expiry, even before the clock has recorded it", func(t *testing.T) {
		w.Developer("payments").Patch(t, c.path(), map[string]any{"expires_at": w.now().Add(30 * time.Minute)}).Want(t, 200)
		if got := w.tokens(t, c); got.ExpiresIn < 1790 || got.ExpiresIn > 1800 {
			t.Errorf("a token outlives its credential: it expires in %d s", got.ExpiresIn)
		}
		w.later(31 * time.Minute)
		dead(t)
		w.later(-31 * time.Minute)
		w.Developer("payments").Patch(t, c.path(), map[string]any{"expires_at": nil}).Want(t, 200)
		alive(t)
	})
	t.Run("also when the owner of consumers cannot be asked, by what is known", func(t *testing.T) {
		w.deaf.Store(true)
		alive(t)
		w.deaf.Store(false)
	})
	t.Run("not when the consumer was deleted", func(t *testing.T) {
		w.hear(t, consumer.Deleted{Concerns: events.Concerns{ConsumerID: "acme"}})
		dead(t)
	})
}

func TestTokensEndWithTheSecretThatWasShown(t *testing.T) {
	w := start(t)
	old := w.client(t, `{}`)
	given := w.tokens(t, old)
	rotate := func(c issued, body string) issued {
		next := issued{}
		w.Developer("payments").Post(t, c.path()+"/rotate", body).Want(t, 200).JSON(t, &next)
		return next
	}
	next := rotate(old, `{"overlap_seconds":600}`)
	t.Run("both secrets serve during the overlap, the old one no longer than it", func(t *testing.T) {
		if got := w.tokens(t, old); got.ExpiresIn > 600 || w.claims(t, got.AccessToken)["secret_version"] != 1.0 {
			t.Errorf("%s", got.Body)
		}
		if got := w.tokens(t, next); got.ExpiresIn != 3600 || w.claims(t, got.AccessToken)["secret_version"] != 2.0 {
			t.Errorf("%s", got.Body)
		}
	})
	t.Run("a grant goes on under the secret that is shown", func(t *testing.T) {
		begun := w.tokens(t, old)
		got := w.refresh(t, next, begun.RefreshToken).want(t, 200)
		claims := w.claims(t, got.AccessToken)
		if claims["secret_version"] != 2.0 || claims["grant_id"] != w.claims(t, begun.AccessToken)["grant_id"] {
			t.Errorf("it says %v", claims)
		}
		w.later(601 * time.Second)
		defer w.later(-601 * time.Second)
		w.refresh(t, next, got.RefreshToken).want(t, 200)
	})
	t.Run("and not after the overlap, though nobody has recorded its end", func(t *testing.T) {
		w.later(601 * time.Second)
		defer w.later(-601 * time.Second)
		w.post(t, oauth.TokenPath, of(old, "grant_type", "client_credentials")).refused(t, 401, "invalid_client")
		w.refresh(t, next, given.RefreshToken).refused(t, 400, "invalid_grant")
		if w.active(t, next, given.AccessToken) || w.active(t, next, given.RefreshToken) {
			t.Error("what the old secret has given still counts")
		}
	})
	t.Run("at once without an overlap", func(t *testing.T) {
		last := w.tokens(t, next)
		now := rotate(next, `{}`)
		w.post(t, oauth.TokenPath, of(next, "grant_type", "client_credentials")).refused(t, 401, "invalid_client")
		w.refresh(t, now, last.RefreshToken).refused(t, 400, "invalid_grant")
		if w.active(t, now, last.AccessToken) {
			t.Error("a token of the old secret still counts")
		}
	})
}

func TestSecretsOfEveryKindAreVerified(t *testing.T) {
	w := start(t)
	const own = "correct horse"
	bcrypted, err := bcrypt.GenerateFromPassword([]byte(own), 4)
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]string{
		"generated": `{}`, "chosen": `{"client_secret":"` + own + `"}`,
		"imported as argon2id": `{"client_secret_hash":"` + secret.HashPassword(own) + `"}`, "imported as bcrypt": `{"client_secret_hash":"` + string(bcrypted) + `"}`,
	} {
		c := w.issue(t, name, "oauth2", config)
		if c.Secret.ClientSecret == "" {
			c.Secret.ClientSecret = own // only its hash is known there
		}
		t.Run(name, func(t *testing.T) {
			w.tokens(t, c)
			c.Secret.ClientSecret = strings.ToUpper(c.Secret.ClientSecret)
			w.post(t, oauth.TokenPath, of(c, "grant_type", "client_credentials")).refused(t, 401, "invalid_client")
		})
	}
}

func TestUnknownAndWrongTakeTheSameTime(t *testing.T) {
	w := start(t)
	generated, chosen := w.issue(t, "generated", "oauth2", `{}`), w.issue(t, "chosen", "oauth2", `{"client_secret":"correct horse"}`)
	median := func(id string) time.Duration {
		var took []time.Duration
		for range 7 {
			begin := time.Now()
			w.post(t, oauth.TokenPath, url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {"wrong battery"}}).refused(t, 401, "invalid_client")
			took = append(took, time.Since(begin))
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	unknown := median("cred_that_is_nobodys")
	for name, id := range map[string]string{"a generated secret": generated.ID, "a chosen one": chosen.ID} {
		if took := median(id); took < unknown/4 || took > unknown*4 {
			t.Errorf("with %s it takes %s, unknown %s", name, took, unknown)
		}
	}
}
