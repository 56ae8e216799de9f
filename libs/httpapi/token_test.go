package httpapi_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func TestTheBuiltInIssuerTakesItsOwnTokens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "issuer.pem")
	issuer := builtIn(t, path)
	token, err := issuer.Token("alice", []httpapi.Role{httpapi.Developer}, []string{"red"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, judge := range []*httpapi.Issuer{issuer, builtIn(t, path)} { // also after a restart
		caller, err := judge.Authenticate(t.Context(), token)
		if err != nil || caller.Subject != "alice" || !caller.Is(httpapi.Developer) || !caller.In("red") || caller.Is(httpapi.Admin) {
			t.Errorf("caller %+v, error %v", caller, err)
		}
	}
	stranger := builtIn(t, filepath.Join(t.TempDir(), "issuer.pem"))
	if _, err := stranger.Authenticate(t.Context(), token); !errors.Is(err, httpapi.ErrUnauthenticated) {
		t.Errorf("another issuer: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
}

func TestTheBuiltInKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "issuer.pem")
	sets := make([]string, 8)
	var all sync.WaitGroup
	for i := range sets {
		all.Go(func() {
			if issuer, err := httpapi.BuiltIn(path); err == nil {
				sets[i] = string(issuer.JWKS())
			}
		})
	}
	all.Wait()
	for _, set := range sets {
		if set == "" || set != sets[0] {
			t.Fatalf("two keys: %q", sets)
		}
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".issuer-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestABuiltInKeyThatOthersMayReadIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "issuer.pem")
	builtIn(t, path)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := httpapi.BuiltIn(path); err == nil || !strings.Contains(err.Error(), "0644") {
		t.Errorf("error %v", err)
	}
	for name, content := range map[string]string{"no PEM": "hello", "no key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		path := filepath.Join(t.TempDir(), "issuer.pem")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := httpapi.BuiltIn(path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTokensAreNotMadeForNobodyOrForEver(t *testing.T) {
	t.Parallel()
	issuer := builtIn(t, filepath.Join(t.TempDir(), "issuer.pem"))
	for name, make := range map[string]func() (string, error){
		"no subject":      func() (string, error) { return issuer.Token("", nil, nil, time.Hour) },
		"a line break":    func() (string, error) { return issuer.Token("a\nb", nil, nil, time.Hour) },
		"no lifetime":     func() (string, error) { return issuer.Token("a", nil, nil, 0) },
		"an unknown role": func() (string, error) { return issuer.Token("a", []httpapi.Role{"king"}, nil, time.Hour) },
		"an empty team":   func() (string, error) { return issuer.Token("a", nil, []string{""}, time.Hour) },
	} {
		if token, err := make(); err == nil || token != "" {
			t.Errorf("%s: token %q, error %v", name, token, err)
		}
	}
}

func builtIn(t *testing.T, path string) *httpapi.Issuer {
	t.Helper()
	issuer, err := httpapi.BuiltIn(path)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

// idp is an identity provider with a few keys.
type idp struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []map[string]string
	status  int
	fetched atomic.Int32
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{status: http.StatusOK}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.fetched.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		w.WriteHeader(p.status)
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": p.keys})
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *idp) publish(keys ...map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func ecJWK(kid string, key *ecdsa.PrivateKey) map[string]string {
	raw, _ := key.PublicKey.Bytes()
	half := (len(raw) - 1) / 2
	return map[string]string{"kty": "EC", "kid": kid, "crv": key.Params().Name, "x": b64(raw[1 : 1+half]), "y": b64(raw[1+half:])}
}

func rsaJWK(kid, alg string, key *rsa.PrivateKey) map[string]string {
	return map[string]string{"kty": "RSA", "kid": kid, "alg": alg, "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}
}

func sign(t *testing.T, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// raw signs a payload that no encoder would write.
func raw(t *testing.T, key *ecdsa.PrivateKey, header, payload string) string {
	t.Helper()
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	signature, err := jwt.SigningMethodES256.Sign(text, crypto.PrivateKey(key))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(signature)
}

func claims(change jwt.MapClaims) jwt.MapClaims {
	all := jwt.MapClaims{
		"iss": "https://id.example", "aud": "tidegate", "sub": "alice", "exp": time.Now().Add(time.Hour).Unix(),
		"roles": []string{"developer", "offline_access"}, "teams": []string{"red"},
	}
	for name, value := range change {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	return all
}

func TestWhichTokensOfAnIdentityProviderAreTaken(t *testing.T) {
	t.Parallel()
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	provider := newIDP(t)
	encryption := ecJWK("enc", other)
	encryption["use"] = "enc"
	provider.publish(ecJWK("ec", p256), ecJWK("ec384", p384), rsaJWK("rsa", "RS256", rsaKey), rsaJWK("any", "", rsaKey), encryption,
		map[string]string{"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": b64(edKey.Public().(ed25519.PublicKey))},
		map[string]string{"kty": "oct", "kid": "shared", "k": b64([]byte("0123456789abcdef0123456789abcdef"))},
		map[string]string{"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"})
	remote := httpapi.Remote(httpapi.RemoteConfig{Issuer: "https://id.example", JWKSURL: provider.URL, Audience: "tidegate"})

	ec := map[string]any{"kid": "ec"}
	now := time.Now().Unix()
	good := fmt.Sprintf(`"iss":"https://id.example","aud":"tidegate","exp":%d,"roles":["admin"]`, now+3600)
	tests := []struct {
		name, token string
		taken       bool
	}{
		{"ES256", sign(t, jwt.SigningMethodES256, p256, ec, claims(nil)), true},
		{"ES384", sign(t, jwt.SigningMethodES384, p384, map[string]any{"kid": "ec384"}, claims(nil)), true},
		{"RS256", sign(t, jwt.SigningMethodRS256, rsaKey, map[string]any{"kid": "rsa"}, claims(nil)), true},
		{"PS512 of a key for any", sign(t, jwt.SigningMethodPS512, rsaKey, map[string]any{"kid": "any"}, claims(nil)), true},
		{"EdDSA", sign(t, jwt.SigningMethodEdDSA, edKey, map[string]any{"kid": "ed"}, claims(nil)), true},
		{"an audience of several", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"aud": []string{"other", "tidegate"}})), true},
		{"a clock a few seconds behind", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"exp": now - 3})), true},
		{"no roles and no teams", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"roles": nil, "teams": nil})), true},

		{"PS256 of a key for RS256", sign(t, jwt.SigningMethodPS256, rsaKey, map[string]any{"kid": "rsa"}, claims(nil)), false},
		{"HS256 with a public key", sign(t, jwt.SigningMethodHS256, []byte(ecJWK("ec", p256)["x"]), ec, claims(nil)), false},
		{"HS256 with a published secret", sign(t, jwt.SigningMethodHS256, []byte("0123456789abcdef0123456789abcdef"), map[string]any{"kid": "shared"}, claims(nil)), false},
		{"no signature", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ec, claims(nil)), false},
		{"another key", sign(t, jwt.SigningMethodES256, other, ec, claims(nil)), false},
		{"a key for encryption", sign(t, jwt.SigningMethodES256, other, map[string]any{"kid": "enc"}, claims(nil)), false},
		{"a key that nobody published", sign(t, jwt.SigningMethodES256, p256, map[string]any{"kid": "none"}, claims(nil)), false},
		{"no kid", sign(t, jwt.SigningMethodES256, p256, nil, claims(nil)), false},
		{"a critical extension", sign(t, jwt.SigningMethodES256, p256, map[string]any{"kid": "ec", "crit": []string{"b64"}}, claims(nil)), false},
		{"another issuer", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"iss": "https://evil.example"})), false},
		{"no issuer", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"iss": nil})), false},
		{"another audience", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"aud": "other"})), false},
		{"no audience", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"aud": nil})), false},
		{"expired", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"exp": now - 60})), false},
		{"no expiry", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"exp": nil})), false},
		{"an expiry in text", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"exp": "tomorrow"})), false},
		{"not valid yet", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"nbf": now + 60})), false},
		{"issued in the future", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"iat": now + 60})), false},
		{"no subject", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"sub": nil})), false},
		{"a subject that is a number", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"sub": 5})), false},
		{"a subject of two lines", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"sub": "alice\nadmin"})), false},
		{"roles that are text", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"roles": "admin"})), false},
		{"teams that are numbers", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"teams": []int{1}})), false},
		{"an empty team", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"teams": []string{""}})), false},
		{"what the next two are made from", raw(t, p256, `{"alg":"ES256","kid":"ec"}`, `{"sub":"alice",`+good+`}`), true},
		{"an access token of a consumer", sign(t, jwt.SigningMethodES256, p256, map[string]any{"kid": "ec", "typ": "at+jwt"}, claims(nil)), false},
		{"the same by its whole name", sign(t, jwt.SigningMethodES256, p256, map[string]any{"kid": "ec", "typ": "Application/AT+JWT"}, claims(nil)), false},
		{"one that is for gateways, too", sign(t, jwt.SigningMethodES256, p256, ec, claims(jwt.MapClaims{"aud": []string{"tidegate", "tidegate-gateway"}})), false},
		{"a claim twice", raw(t, p256, `{"alg":"ES256","kid":"ec"}`, `{"sub":"alice","sub":"root",`+good+`}`), false},
		{"a header member twice", raw(t, p256, `{"alg":"ES256","kid":"ec","kid":"ec"}`, `{"sub":"alice",`+good+`}`), false},
		{"two tokens", sign(t, jwt.SigningMethodES256, p256, ec, claims(nil)) + ".x", false},
		{"no token", "hello", false},
		{"nothing", "", false},
		{"far too much", strings.Repeat("a", 20000), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			caller, err := remote.Authenticate(t.Context(), test.token)
			if test.taken && (err != nil || caller.Subject != "alice") {
				t.Errorf("refused: %+v, %v", caller, err)
			}
			if !test.taken && (!errors.Is(err, httpapi.ErrUnauthenticated) || caller.Subject != "") {
				t.Errorf("taken: %+v, %v", caller, err)
			}
		})
	}
	caller, _ := remote.Authenticate(t.Context(), tests[0].token)
	if len(caller.Roles) != 1 || !caller.Is(httpapi.Developer) {
		t.Errorf("roles %q, want the contract's alone", caller.Roles)
	}
	if got := provider.fetched.Load(); got != 1 {
		t.Errorf("the key set was fetched %d times, whatever kids callers sent: want once", got)
	}
}

func TestAnIdentityProviderOutOfReachIsNotTheCallersFault(t *testing.T) {
	t.Parallel()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	provider := newIDP(t)
	provider.status = http.StatusInternalServerError
	remote := httpapi.Remote(httpapi.RemoteConfig{Issuer: "https://id.example", JWKSURL: provider.URL})
	token := sign(t, jwt.SigningMethodES256, key, map[string]any{"kid": "ec"}, claims(nil))
	for range 3 {
		if _, err := remote.Authenticate(t.Context(), token); !errors.Is(err, es.ErrUnavailable) {
			t.Fatalf("error %v", err)
		}
	}
	if got := provider.fetched.Load(); got != 1 {
		t.Errorf("fetched %d times", got)
	}
	api := httpapitest.Start(t, httpapi.Config{Service: "note", Auth: remote}, newSample(t).register)
	api.Anonymous().With("Authorization", "Bearer "+token).Get(t, "/v1/notes").Refused(t, 503, "unavailable")
}

func TestWhoIsNotKnownIsToldSo(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	anonymous := api.Anonymous()
	for name, header := range map[string]string{
		"no token": "", "another scheme": "Basic YWxpY2U6c2VjcmV0", "no token after the scheme": "Bearer", "a bad token": "Bearer tg_k_SECRET", "no scheme": "tg_k_SECRET",
	} {
		answer := anonymous.With("Authorization", header).Get(t, "/v1/notes")
		problem := answer.Refused(t, 401, "unauthenticated")
		if challenge := answer.Header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer realm=") || strings.Contains(challenge, "invalid_token") != (name == "a bad token") {
			t.Errorf("%s: WWW-Authenticate %q", name, challenge)
		}
		if strings.Contains(string(answer.Body), "SECRET") || len(problem.Errors) > 0 {
			t.Errorf("%s: %s", name, answer.Body)
		}
	}
	// Who is not known learns nothing from how its input is judged.
	anonymous.Post(t, "/v1/notes", "{").Refused(t, 401, "unauthenticated")
	anonymous.Get(t, "/v1/notes?limit=x").Refused(t, 401, "unauthenticated")
	anonymous.Post(t, "/v1/keep", nil).Want(t, 204) // a public one

	twice, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, api.URL+"/v1/notes", http.NoBody)
	token := "Bearer " + httpapitest.Token(httpapi.Caller{Subject: "alice", Roles: httpapi.Roles})
	twice.Header["Authorization"] = []string{token, token}
	answer, err := http.DefaultClient.Do(twice)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 401 {
		t.Errorf("two tokens: status %d", answer.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	sloppy := httpapitest.Token(httpapi.Caller{Subject: "alice", Roles: httpapi.Roles})
	anonymous.With("Authorization", "bearer  "+sloppy).Get(t, "/v1/notes").Want(t, 200)
}

func serveBytes(t *testing.T, content []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	t.Cleanup(server.Close)
	return server.URL
}
