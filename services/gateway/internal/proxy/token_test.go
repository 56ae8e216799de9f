package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

// called answers the status, and the code of a refusal or who upstream was told of.
func called(t *testing.T, g *gatewaytest.Gateway, up *gatewaytest.Recorder, path string, headers ...string) (int, string) {
	t.Helper()
	answer, body := g.Get(t, path, headers...)
	if answer.StatusCode == http.StatusOK {
		_, sent := up.Last(t)
		return http.StatusOK, strings.Join(gatewaytest.Values(sent, "X-Credential-Identifier"), "|")
	}
	var problem struct{ Code string }
	_ = json.Unmarshal([]byte(body), &problem)
	return answer.StatusCode, problem.Code
}

func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestJWTsInEveryPlaceAndState(t *testing.T) {
	w := gatewaytest.NewWorld()
	up := gatewaytest.Record(t)
	w.Service(t, "pets", up.URL, gatewaytest.Accepting("jwt", "oauth2", "api_key"))
	w.Service(t, "keys", up.URL, gatewaytest.Accepting("api_key"))
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	w.Subscribe(t, "sub_2", "acme", "keys")
	shared, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := x509.MarshalPKIXPublicKey(&shared.PublicKey)
	key := []byte("a secret of thirty-two bytes, ok")

	past := time.Now().Add(-time.Minute)
	places := map[string]credential.Placement{
		"auth": gatewaytest.Header("Authorization"), "head": gatewaytest.Header("X-Token"), "query": {In: "query", Name: "jwt"}, "cookie": {In: "cookie", Name: "session"},
	}
	states := map[string]struct {
		status int
		code   string
	}{"active": {200, ""}, "suspended": {401, "credential_suspended"}, "expired": {401, "credential_expired"}, "revoked": {401, "credential_invalid"}}
	hides := map[string]bool{"hidden": true, "shown": false}
	for place, at := range places {
		for hide, hidden := range hides {
			for state := range states {
				id := place + "_" + hide + "_" + state
				config, proof := map[string]any{"algorithm": "HS256", "key": id, "key_claim": "iss"}, secret.SharedProof(key)
				if hidden {
					config["algorithm"], proof = "ES256", secret.PublicProof(der)
				}
				w.JWT(t, id, "acme", config, proof, func(d *credential.Issued) {
					d.Placement, d.HideCredentials = at, hidden
					if state == "expired" {
						d.ExpiresAt = &past
					}
				})
				switch state {
				case "suspended":
					w.Publish(t, "credential-"+id, credential.Suspended{Concerns: events.Concerns{CredentialID: id}})
				case "revoked":
					w.Revoke(t, id)
				}
			}
		}
	}
	g := gatewaytest.Start(t, w)
	for place := range places {
		for hide, hidden := range hides {
			for state, want := range states {
				id := place + "_" + hide + "_" + state
				t.Run(id, func(t *testing.T) {
					token := signed(t, jwt.SigningMethodHS256, key, jwt.MapClaims{"iss": id})
					if hidden {
						token = signed(t, jwt.SigningMethodES256, shared, jwt.MapClaims{"iss": id})
					}
					path, headers := "/pets/1?a=1", []string(nil)
					switch place {
					case "auth":
						headers = []string{"Authorization", "Bearer " + token}
					case "head":
						headers = []string{"X-Token", token}
					case "query":
						path = "/pets/1?a=1&jwt=" + token
					case "cookie":
						headers = []string{"Cookie", "a=1; session=" + token}
					}
					for _, again := range []string{"the first time", "again"} {
						status, said := called(t, g, up, path, headers...)
						if status != want.status || status == 200 && said != id || status != 200 && said != want.code {
							t.Fatalf("%s: %d %s", again, status, said)
						}
					}
					if status, code := called(t, g, up, strings.Replace(path, "/pets", "/keys", 1), headers...); status != 401 || code != "credential_invalid" && code != "credential_missing" {
						t.Errorf("at a service that takes no JWTs: %d %s", status, code)
					}
					if want.status != 200 {
						return
					}
					called(t, g, up, path, headers...)
					line, sent := up.Last(t)
					if there := strings.Contains(line+strings.Join(sent, "\n"), token); there == hidden {
						t.Errorf("upstream got %s %q", line, sent)
					}
					if !strings.Contains(line, "a=1") || place == "cookie" && !strings.Contains(strings.Join(sent, "\n"), "a=1") {
						t.Errorf("what was beside it is gone: %s %q", line, sent)
					}
				})
			}
		}
	}
}

// Several types in one header do not mask one another; two callers in one
// request are none.
func TestTokensBesideOtherCredentials(t *testing.T) {
	w := gatewaytest.NewWorld()
	up := gatewaytest.Record(t)
	w.Service(t, "pets", up.URL, gatewaytest.Accepting("api_key", "basic", "jwt", "oauth2"))
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	key := []byte("a secret of thirty-two bytes, ok")
	config := map[string]any{"algorithm": "HS256", "key": "joe", "key_claim": "iss"}
	w.JWT(t, "cred_jwt", "acme", config, secret.SharedProof(key))
	w.OAuth2(t, "cred_oauth", "acme")
	w.Basic(t, "cred_basic", "acme", "user", secret.Generate(secret.Password))
	apiKey := w.APIKey(t, "cred_key", "acme", func(d *credential.Issued) { d.Placement = gatewaytest.Header("Authorization") })
	signer := gatewaytest.NewSigner(t, "now")
	w.SigningKeys(t, signer.Public(credential.KeyCurrent, time.Time{}))
	g := gatewaytest.Start(t, w)

	joe := "Bearer " + signed(t, jwt.SigningMethodHS256, key, jwt.MapClaims{"iss": "joe"})
	expired := "Bearer " + signed(t, jwt.SigningMethodHS256, key, jwt.MapClaims{"iss": "joe", "exp": 1})
	forged := "Bearer " + signed(t, jwt.SigningMethodHS256, []byte("another"), jwt.MapClaims{"iss": "joe", "exp": 1})
	app := "Bearer " + signer.AccessToken(t, "cred_oauth", nil)
	for name, c := range map[string]struct {
		values []string
		status int
		said   string
	}{
		"a JWT":                              {[]string{joe}, 200, "cred_jwt"},
		"an access token":                    {[]string{app}, 200, "cred_oauth"},
		"an API key after the same word":     {[]string{"Bearer " + apiKey}, 200, "cred_key"},
		"a JWT and somebody else's token":    {[]string{joe, "Bearer aaaa.bbbb.cccc"}, 200, "cred_jwt"},
		"a JWT, twice":                       {[]string{joe, joe}, 200, "cred_jwt"},
		"a JWT and an access token":          {[]string{joe, app}, 401, "credential_invalid"},
		"a JWT and an API key":               {[]string{joe, "Bearer " + apiKey}, 401, "credential_invalid"},
		"an expired JWT":                     {[]string{expired}, 401, "token_expired"},
		"an expired JWT that is forged":      {[]string{forged}, 401, "credential_invalid"},
		"an expired JWT and one that is not": {[]string{expired, joe}, 401, "token_expired"},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			for _, value := range c.values {
				headers = append(headers, "Authorization", value)
			}
			if status, said := called(t, g, up, "/pets", headers...); status != c.status || said != c.said {
				t.Errorf("%d %s", status, said)
			}
		})
	}
	answer, _ := g.Get(t, "/pets")
	if got := len(answer.Header.Values("WWW-Authenticate")); got != 4 {
		t.Errorf("%d challenges, one for each type", got)
	}
}

// A token that was verified ends with what it rests on, within the second.
func TestATokenEndsWithWhatItRestsOn(t *testing.T) {
	w := gatewaytest.NewWorld()
	up := gatewaytest.Record(t)
	w.Service(t, "pets", up.URL, gatewaytest.Accepting("jwt", "oauth2"))
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	signer := gatewaytest.NewSigner(t, "now")
	w.SigningKeys(t, signer.Public(credential.KeyCurrent, time.Time{}))
	key := []byte("a secret of thirty-two bytes, ok")
	g := gatewaytest.Start(t, w)

	concerns := func(id string) events.Concerns { return events.Concerns{CredentialID: id} }
	jwtOf := func(id string) string { return signed(t, jwt.SigningMethodHS256, key, jwt.MapClaims{"iss": id}) }
	accessOf := func(id string) string {
		return signer.AccessToken(t, id, map[string]any{"jti": "tok_" + id, "grant_id": "grant_" + id})
	}
	rotated := func(id string) {
		w.Publish(t, "credential-"+id, credential.Rotated{Concerns: concerns(id), SecretVersion: 2, RetiredVersions: []int{1}})
		w.Put(t, id, 2, secret.SharedProof([]byte("another secret of that length, ok")))
	}
	for name, c := range map[string]struct {
		oauth bool
		end   func(id string)
		code  string
	}{
		"jwt_revoke":    {false, func(id string) { w.Revoke(t, id) }, "credential_invalid"},
		"jwt_rotate":    {false, rotated, "credential_invalid"},
		"jwt_suspend":   {false, func(id string) { w.Publish(t, "credential-"+id, credential.Suspended{Concerns: concerns(id)}) }, "credential_suspended"},
		"jwt_other_key": {false, func(id string) { w.Put(t, id, 1, secret.SharedProof([]byte("put again with other material"))) }, "credential_invalid"},
		"jwt_erase":     {false, func(id string) { w.Erase(id, 1) }, "credential_invalid"},
		"jwt_moved": {false, func(id string) {
			w.Publish(t, "credential-"+id, credential.Updated{Concerns: concerns(id), Placement: &events.Change[credential.Placement]{After: gatewaytest.Header("X-Other")}})
		}, "credential_invalid"},
		"jwt_audience": {false, func(id string) {
			w.Publish(t, "credential-"+id, credential.Updated{Concerns: concerns(id), Config: &events.Change[json.RawMessage]{After: json.RawMessage(`{"algorithm":"HS256","key":"jwt_audience","key_claim":"iss","audience":"api"}`)}})
		}, "credential_invalid"},
		"oauth_revoke":   {true, func(id string) { w.Revoke(t, id) }, "credential_invalid"},
		"oauth_rotate":   {true, rotated, "credential_invalid"},
		"oauth_suspend":  {true, func(id string) { w.Publish(t, "credential-"+id, credential.Suspended{Concerns: concerns(id)}) }, "credential_suspended"},
		"oauth_token":    {true, func(id string) { w.RevokeToken(t, "tok_"+id) }, "credential_invalid"},
		"oauth_grant":    {true, func(id string) { w.RevokeToken(t, "grant_"+id) }, "credential_invalid"},
		"oauth_expiring": {true, func(id string) { w.Publish(t, "credential-"+id, gatewaytest.Expiring(id, time.Now())) }, "credential_expired"},
	} {
		t.Run(name, func(t *testing.T) {
			token := jwtOf(name)
			if c.oauth {
				w.OAuth2(t, name, "acme")
				token = accessOf(name)
			} else {
				w.JWT(t, name, "acme", map[string]any{"algorithm": "HS256", "key": name, "key_claim": "iss"}, secret.SharedProof(key))
			}
			bearing := func() (int, string) { return called(t, g, up, "/pets", "Authorization", "Bearer "+token) }
			gatewaytest.Eventually(t, "the token works", func() bool { status, said := bearing(); return status == 200 && said == name })
			c.end(name)
			gatewaytest.Eventually(t, "the token is over, as "+c.code, func() bool { status, code := bearing(); return status == 401 && code == c.code })
		})
	}
}

func TestScopesReachUpstream(t *testing.T) {
	w := gatewaytest.NewWorld()
	up := gatewaytest.Record(t)
	w.Service(t, "pets", up.URL, gatewaytest.Accepting("oauth2", "api_key"))
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	w.OAuth2(t, "app", "acme", func(d *credential.Issued) { d.HideCredentials = true })
	key := w.APIKey(t, "key", "acme")
	signer := gatewaytest.NewSigner(t, "now")
	w.SigningKeys(t, signer.Public(credential.KeyCurrent, time.Time{}))
	g := gatewaytest.Start(t, w)
	for name, c := range map[string]struct {
		headers []string
		want    string
	}{
		"scopes":              {[]string{"Authorization", "Bearer " + signer.AccessToken(t, "app", nil)}, "read write"},
		"none":                {[]string{"Authorization", "Bearer " + signer.AccessToken(t, "app", map[string]any{"scope": nil})}, ""},
		"the caller's own":    {[]string{"X-API-Key", key}, ""},
		"the caller's, too":   {[]string{"Authorization", "Bearer " + signer.AccessToken(t, "app", nil)}, "read write"},
		"of an expired token": {[]string{"Authorization", "Bearer " + signer.AccessToken(t, "app", map[string]any{"exp": time.Now().Add(-time.Second).Unix()})}, "token_expired"},
	} {
		t.Run(name, func(t *testing.T) {
			status, said := called(t, g, up, "/pets", append(c.headers, "X-Token-Scopes", "admin", "X_Token_Scopes", "admin")...)
			if status != 200 {
				if said != c.want {
					t.Errorf("%d %s", status, said)
				}
				return
			}
			_, sent := up.Last(t)
			if got := strings.Join(gatewaytest.Values(sent, "X-Token-Scopes"), "|"); got != c.want || len(gatewaytest.Values(sent, "X_Token_Scopes")) > 0 {
				t.Errorf("scopes %q, want %q", got, c.want)
			}
			if len(gatewaytest.Values(sent, "Authorization")) > 0 {
				t.Error("a hidden token reached upstream")
			}
		})
	}
}
