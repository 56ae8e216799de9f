package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/credential/internal/oauth"
)

const formed = "application/x-www-form-urlencoded"

// told is what a caller with a management token is told of a token.
func told(t *testing.T, c *httpapitest.Client, token string) oauth.Introspection {
	t.Helper()
	return httpapitest.Read[oauth.Introspection](t, c.With("Content-Type", formed).Post(t, oauth.IntrospectPath, "token="+url.QueryEscape(token)).Want(t, 200))
}

func TestIntrospection(t *testing.T) {
	w := start(t)
	c, other := w.client(t, `{"client_id":"shop","scopes":["a","b"]}`), w.issue(t, "other", "oauth2", `{}`)
	given := w.tokens(t, c)
	said := w.claims(t, given.AccessToken)
	t.Run("tells a client of its own tokens", func(t *testing.T) {
		got := httpapitest.Read[oauth.Introspection](t, w.Anonymous().With("Content-Type", formed).
			Post(t, oauth.IntrospectPath, of(c, "token", given.AccessToken, "token_type_hint", "nonsense").Encode()).Want(t, 200))
		want := oauth.Introspection{
			Active: true, Scope: "a b", ClientID: "shop", TokenType: "Bearer", ExpiresAt: int64(said["exp"].(float64)), IssuedAt: int64(said["iat"].(float64)),
			NotBefore: int64(said["nbf"].(float64)), Subject: "shop", Audience: "tidegate-gateway", Issuer: issuer, ID: said["jti"].(string),
			CredentialID: c.ID, ConsumerID: "acme", GrantID: said["grant_id"].(string),
		}
		if got != want {
			t.Errorf("told %+v, want %+v", got, want)
		}
		refresh := w.post(t, oauth.IntrospectPath, of(c, "token", given.RefreshToken)).want(t, 200)
		if !*refresh.Active || refresh.TokenType != "refresh_token" || refresh.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s", refresh.Body)
		}
	})
	t.Run("tells who manages the credential", func(t *testing.T) {
		for name, caller := range map[string]*httpapitest.Client{"admin": w.Admin(), "auditor": w.Auditor(), "its team": w.Developer("payments")} {
			if !told(t, caller, given.AccessToken).Active || !told(t, caller, given.RefreshToken).Active {
				t.Errorf("%s is not told", name)
			}
		}
	})
	t.Run("tells nobody else", func(t *testing.T) {
		for name, caller := range map[string]*httpapitest.Client{"another team": w.Developer("red"), "a provider": w.Provider("payments")} {
			for _, token := range []string{given.AccessToken, given.RefreshToken} {
				if got := told(t, caller, token); got != (oauth.Introspection{}) {
					t.Errorf("%s is told %+v", name, got)
				}
			}
		}
		if w.active(t, other, given.AccessToken) || w.active(t, other, given.RefreshToken) {
			t.Error("another client is told")
		}
		w.post(t, oauth.IntrospectPath, url.Values{"token": {given.AccessToken}}).refused(t, 401, "invalid_client")
		w.post(t, oauth.IntrospectPath, url.Values{"token": {given.AccessToken}}, "Authorization: Bearer "+given.AccessToken).refused(t, 401, "invalid_client")
		w.post(t, oauth.IntrospectPath, of(c), "Authorization: Bearer x").refused(t, 400, "invalid_request")
		w.post(t, oauth.IntrospectPath, of(c)).refused(t, 400, "invalid_request")
	})
	t.Run("knows no token that it did not sign", func(t *testing.T) {
		parts := strings.Split(given.AccessToken, ".")
		for name, token := range map[string]string{
			"nothing of the kind": "x", "another payload": parts[0] + "." + parts[1][:len(parts[1])-2] + "AA." + parts[2],
			"no signature":       parts[0] + "." + parts[1] + ".",
			"a management token": httpapitest.Token(httpapi.Caller{Subject: "admin"}),
			"none":               unsigned(t, said),
			"HS256":              shared(t, said, w.published(t).Keys[0].X),
		} {
			if w.active(t, c, token) {
				t.Errorf("%s is told as active", name)
			}
		}
	})
	t.Run("ends with the token", func(t *testing.T) {
		w.later(time.Hour)
		defer w.later(-time.Hour)
		if w.active(t, c, given.AccessToken) {
			t.Error("it is told as active")
		}
	})
}

func unsigned(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodNone, claims)
	token.Header["typ"] = "at+jwt"
	text, err := token.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func shared(t *testing.T, claims jwt.MapClaims, kid string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	token.Header["typ"], token.Header["kid"] = "at+jwt", kid
	text, err := token.SignedString([]byte(kid))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRevocation(t *testing.T) {
	w := start(t)
	c, other := w.client(t, `{}`), w.issue(t, "other", "oauth2", `{}`)
	t.Run("of an access token leaves the rest of its grant", func(t *testing.T) {
		given := w.tokens(t, c)
		done := w.post(t, oauth.RevokePath, of(c, "token", given.AccessToken), "Prefer: wait=3").want(t, 200)
		if len(done.Body) > 0 || done.Header.Get("Tidegate-Applied") != "2/2" || done.Header.Get("Preference-Applied") != "wait=3" || w.waited.Load() != 1 {
			t.Errorf("%v %s", done.Header, done.Body)
		}
		if w.active(t, c, given.AccessToken) || !w.active(t, c, given.RefreshToken) {
			t.Error("it counts, or the refresh token does not")
		}
		id, _ := w.claims(t, given.AccessToken)["jti"].(string)
		w.post(t, oauth.RevokePath, of(c, "token", given.AccessToken)).want(t, 200)
		all := w.events(t)
		if strings.Count(all, `"token_id":"`+id+`"`) != 1 || !strings.Contains(all, `"consumer_id":"acme","credential_id":"`+c.ID+`","team":"payments","token_id":"`+id+`"`) ||
			!strings.Contains(all, `"actor":"`+c.Secret.ClientID+`"`) {
			t.Errorf("it is told as %s", all)
		}
		w.refresh(t, c, given.RefreshToken).want(t, 200)
	})
	t.Run("of a refresh token ends its grant, whichever of its tokens it is", func(t *testing.T) {
		given := w.tokens(t, c)
		next := w.refresh(t, c, given.RefreshToken).want(t, 200)
		w.post(t, oauth.RevokePath, of(c, "token", given.RefreshToken, "token_type_hint", "access_token")).want(t, 200)
		for _, token := range []string{given.AccessToken, next.AccessToken, next.RefreshToken} {
			if w.active(t, c, token) {
				t.Error("something of it still counts")
			}
		}
		w.refresh(t, c, next.RefreshToken).refused(t, 400, "invalid_grant")
	})
	t.Run("of another's token is refused", func(t *testing.T) {
		given := w.tokens(t, c)
		for _, token := range []string{given.AccessToken, given.RefreshToken} {
			w.post(t, oauth.RevokePath, of(other, "token", token)).refused(t, 400, "invalid_grant")
			for _, caller := range []*httpapitest.Client{w.Developer("red"), w.Auditor()} {
				caller.With("Content-Type", formed).Post(t, oauth.RevokePath, "token="+token).Want(t, 400)
			}
			if !w.active(t, c, token) {
				t.Error("it was revoked all the same")
			}
		}
	})
	t.Run("by who manages the credential", func(t *testing.T) {
		for _, caller := range []*httpapitest.Client{w.Admin(), w.Developer("payments")} {
			given := w.tokens(t, c)
			caller.With("Content-Type", formed).Post(t, oauth.RevokePath, "token="+given.AccessToken).Want(t, 200)
			if w.active(t, c, given.AccessToken) {
				t.Error("it still counts")
			}
		}
		if !strings.Contains(w.events(t), `"actor":"developer@payments"`) {
			t.Error("who did it is not told")
		}
	})
	t.Run("of what is no token, or has ended, changes nothing", func(t *testing.T) {
		given, before := w.tokens(t, c), w.events(t)
		for _, token := range []string{"x", "tg_r_x", "a.b.c"} {
			w.post(t, oauth.RevokePath, of(c, "token", token)).want(t, 200)
		}
		w.later(time.Hour)
		defer w.later(-time.Hour)
		w.post(t, oauth.RevokePath, of(c, "token", given.AccessToken)).want(t, 200)
		if after := w.events(t); after != before {
			t.Error("something was told")
		}
	})
	t.Run("needs a token, and a caller", func(t *testing.T) {
		w.post(t, oauth.RevokePath, of(c)).refused(t, 400, "invalid_request")
		w.post(t, oauth.RevokePath, url.Values{"token": {"x"}}).refused(t, 401, "invalid_client")
	})
}

func TestMetadata(t *testing.T) {
	w := start(t)
	answer := w.Anonymous().Get(t, oauth.MetadataPath).Want(t, 200)
	got := httpapitest.Read[oauth.Metadata](t, answer)
	if got.Issuer != issuer || got.TokenEndpoint != issuer+"/oauth2/token" || got.JWKSURI != issuer+"/.well-known/jwks.json" ||
		got.RevocationEndpoint != issuer+"/oauth2/revoke" || got.IntrospectionEndpoint != issuer+"/oauth2/introspect" || got.ResponseTypes == nil {
		t.Errorf("%s", answer.Body)
	}
	open := httpapitest.Start(t, httpapi.Config{Service: "credential"}, func(s *httpapi.Server) {
		oauth.Register(s, oauth.Config{Store: w.store, Registry: registry, Ring: w.ring, Clock: w.now, Keys: w.keys})
	})
	if got := httpapitest.Read[oauth.Metadata](t, open.Anonymous().Get(t, oauth.MetadataPath).Want(t, 200)); got.Issuer != open.URL {
		t.Errorf("without an outside address the issuer is %s", got.Issuer)
	}
}
