package main_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/signer"
)

// way is one type of credential at one place, and how a client shows it.
type way struct {
	name  string
	asked map[string]any // type, placement and config of the credential
	show  shower
}

// shower shows a credential in a request; secret is what its owner was told. It
// answers what upstream must not see when it is hidden.
type shower func(t *testing.T, s *stage, r *http.Request, secret map[string]any) (shown string)

// seen is what reached upstream.
type seen struct {
	header http.Header
	query  string
	body   string
}

// stage is a whole Tidegate with one service and an upstream that remembers.
type stage struct {
	child *journey.Child
	calls chan seen
}

func newStage(t *testing.T) *stage {
	s := &stage{calls: make(chan seen, 1)}
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.calls <- seen{r.Header.Clone(), r.URL.RawQuery, string(body)}
	}))
	t.Cleanup(upstream.Close)
	s.child = journey.Up(t, binary(t), t.TempDir())
	s.send(t, http.MethodPost, "/v1/services", map[string]any{
		"id": "pets", "name": "Pets", "routes": []any{map[string]any{"path_prefix": "/pets"}},
		"upstreams": []any{map[string]any{"url": upstream.URL, "weight": 1}}, "approval": map[string]any{"mode": "auto"},
	}, http.StatusCreated)
	s.send(t, http.MethodPost, "/v1/services/pets/publish", map[string]any{}, http.StatusOK)
	return s
}

// send runs a command, which is in force at the gateway when it is answered.
func (s *stage) send(t *testing.T, method, path string, body map[string]any, want int) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, raw, answer := exchange(t, s.child, method, path, string(encoded), "Prefer: wait=20")
	if status != want {
		t.Fatalf("%s %s is answered %d: %s", method, path, status, raw)
	}
	return answer
}

// text is a member of a secret.
func text(secret map[string]any, name string) string {
	value, _ := secret[name].(string)
	return value
}

func atHeader(name, prefix, member string) shower {
	return func(_ *testing.T, _ *stage, r *http.Request, secret map[string]any) string {
		r.Header.Set(name, prefix+text(secret, member))
		return text(secret, member)
	}
}

func token(member func(map[string]any) string, place func(r *http.Request, token string)) shower {
	return func(_ *testing.T, _ *stage, r *http.Request, secret map[string]any) string {
		made := member(secret)
		place(r, made)
		return made
	}
}

// hs256 makes a token that a shared secret signs.
func hs256(secret map[string]any) string {
	claims := jwt.MapClaims{"iss": text(secret, "key"), "exp": time.Now().Add(time.Minute).Unix(), "jti": fmt.Sprint(time.Now().UnixNano())}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(text(secret, "secret")))
	if err != nil {
		panic(err)
	}
	return signed
}

func withQuery(r *http.Request, name, value string) {
	r.URL.RawQuery = "a=1&" + url.QueryEscape(name) + "=" + url.QueryEscape(value) + "&b=2"
}

func withBody(r *http.Request, contentType, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", contentType)
}

func placed(in, name string) map[string]any { return map[string]any{"in": in, "name": name} }

// ways are every type at every kind of place that it may have.
func ways(t *testing.T) []way {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	eddsa := func(secret map[string]any) string {
		signed, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": text(secret, "key"), "exp": time.Now().Add(time.Minute).Unix()}).SignedString(private)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	bearer := func(r *http.Request, token string) { r.Header.Set("Authorization", "Bearer "+token) }
	sign := func(scheme func(r *http.Request, access, secret string) error) shower {
		return func(t *testing.T, _ *stage, r *http.Request, secret map[string]any) string {
			r.URL.RawQuery = fmt.Sprintf("a=1&once=%d&b=2", time.Now().UnixNano()) // or it would be a replay
			if err := scheme(r, text(secret, "access_key"), text(secret, "secret_key")); err != nil {
				t.Fatal(err)
			}
			return r.Header.Get("Authorization") + r.Header.Get("Signature")
		}
	}
	return []way{
		{name: "an API key in its own header", asked: map[string]any{"type": "api_key"}, show: atHeader("X-API-Key", "", "api_key")},
		{name: "an API key in a header with a name", asked: map[string]any{"type": "api_key", "placement": placed("header", "X-Partner-Key")}, show: atHeader("X-Partner-Key", "", "api_key")},
		{name: "an API key in Authorization", asked: map[string]any{"type": "api_key", "placement": placed("header", "Authorization")}, show: atHeader("Authorization", "Bearer ", "api_key")},
		{name: "an API key in the query", asked: map[string]any{"type": "api_key", "placement": placed("query", "key")},
			show: token(func(s map[string]any) string { return text(s, "api_key") }, func(r *http.Request, key string) { withQuery(r, "key", key) })},
		{name: "an API key in a cookie", asked: map[string]any{"type": "api_key", "placement": placed("cookie", "key")},
			show: token(func(s map[string]any) string { return text(s, "api_key") }, func(r *http.Request, key string) {
				r.Header.Set("Cookie", "a=1; key="+key+"; b=2")
			})},
		{name: "an API key in a form", asked: map[string]any{"type": "api_key", "placement": placed("body", "key")},
			show: token(func(s map[string]any) string { return text(s, "api_key") }, func(r *http.Request, key string) {
				withBody(r, "application/x-www-form-urlencoded", "a=1&key="+key+"&b=2")
			})},
		{name: "an API key in a JSON body", asked: map[string]any{"type": "api_key", "placement": placed("body", "key")},
			show: token(func(s map[string]any) string { return text(s, "api_key") }, func(r *http.Request, key string) {
				withBody(r, "application/json", `{"a": 1, "key": "`+key+`", "b": 2}`)
			})},
		{name: "a user name and a password", asked: map[string]any{"type": "basic"},
			show: func(_ *testing.T, _ *stage, r *http.Request, secret map[string]any) string {
				r.SetBasicAuth(text(secret, "username"), text(secret, "password"))
				return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
			}},
		{name: "a JWT in Authorization", asked: map[string]any{"type": "jwt", "config": map[string]any{"key": "issuer"}}, show: token(hs256, bearer)},
		{name: "a JWT of a key pair", asked: map[string]any{"type": "jwt", "config": map[string]any{"key": "issuer", "algorithm": "EdDSA", "public_key": publicPEM}}, show: token(eddsa, bearer)},
		{name: "a JWT in a header with a name", asked: map[string]any{"type": "jwt", "placement": placed("header", "X-Token"), "config": map[string]any{"key": "issuer"}},
			show: token(hs256, func(r *http.Request, token string) { r.Header.Set("X-Token", token) })},
		{name: "a JWT in the query", asked: map[string]any{"type": "jwt", "placement": placed("query", "token"), "config": map[string]any{"key": "issuer"}},
			show: token(hs256, func(r *http.Request, token string) { withQuery(r, "token", token) })},
		{name: "a JWT in a cookie", asked: map[string]any{"type": "jwt", "placement": placed("cookie", "token"), "config": map[string]any{"key": "issuer"}},
			show: token(hs256, func(r *http.Request, token string) { r.Header.Set("Cookie", "a=1; token="+token+"; b=2") })},
		{name: "a signature of the scheme aksk", asked: map[string]any{"type": "hmac"},
			show: sign(func(r *http.Request, access, secret string) error { return signer.AKSK(r, access, secret, time.Now()) })},
		{name: "a signature of the scheme signature", asked: map[string]any{"type": "hmac", "config": map[string]any{"scheme": "signature"}},
			show: sign(func(r *http.Request, access, secret string) error {
				return signer.Signature(r, access, secret, time.Now())
			})},
		{name: "a signature of RFC 9421", asked: map[string]any{"type": "hmac", "config": map[string]any{"scheme": "rfc9421"}},
			show: sign(func(r *http.Request, access, secret string) error {
				return signer.RFC9421(r, access, secret, fmt.Sprint(time.Now().UnixNano()), time.Now())
			})},
		{name: "an access token", asked: map[string]any{"type": "oauth2", "config": map[string]any{"scopes": []string{"read", "write"}}},
			show: func(t *testing.T, s *stage, r *http.Request, secret map[string]any) string {
				issued := s.grant(t, text(secret, "client_id"), text(secret, "client_secret"))
				r.Header.Set("Authorization", "Bearer "+issued)
				return issued
			}},
	}
}

// grant asks for an access token, and answers none when it is refused.
func (s *stage) grant(t *testing.T, id, secret string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.child.Ready.ManagementURL+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(id, secret)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := caller.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return body.AccessToken
}

// call calls the service as a way shows, and answers the code (empty: allowed),
// what upstream saw, and what was shown.
func (s *stage) call(t *testing.T, method string, show func(r *http.Request) string) (code string, upstream seen, shown string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.child.Ready.GatewayURL+"/pets", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		withBody(request, "text/plain", "a body that is signed where signatures cover bodies")
	}
	request.Header.Set("X-Other", "stays")
	shown = show(request)
	answer, err := caller.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusOK {
		return "", <-s.calls, shown
	}
	var problem struct{ Code string }
	if err := json.Unmarshal(raw, &problem); err != nil || problem.Code == "" {
		t.Fatalf("it is answered %d: %s", answer.StatusCode, raw)
	}
	return problem.Code, seen{}, shown
}

// Every type, at every kind of place, hidden and not, in every state of its life,
// through the API and the gateway.
func TestEveryTypeAtEveryPlaceInEveryState(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for i, w := range ways(t) {
		for _, hide := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, hidden %v", w.name, hide), func(t *testing.T) {
				who := fmt.Sprintf("caller-%d-%v", i, hide)
				s.send(t, http.MethodPost, "/v1/consumers", map[string]any{"id": who, "name": who}, http.StatusCreated)
				s.send(t, http.MethodPost, "/v1/subscriptions", map[string]any{"consumer_id": who, "service_id": "pets"}, http.StatusCreated)
				s.live(t, w, who, hide)
			})
		}
	}
}

// live takes one credential through its life.
func (s *stage) live(t *testing.T, w way, who string, hide bool) {
	asked := map[string]any{"name": "the one", "hide_credentials": hide}
	maps.Copy(asked, w.asked)
	if config, ok := asked["config"].(map[string]any); ok && config["key"] != nil {
		config["key"] = who // names this credential
	}
	issued := s.send(t, http.MethodPost, "/v1/consumers/"+who+"/credentials", asked, http.StatusCreated)
	secret, _ := issued["secret"].(map[string]any)
	id, _ := issued["id"].(string)
	path := "/v1/credentials/" + id
	s.send(t, http.MethodPost, "/v1/consumers/"+who+"/credentials", map[string]any{"name": "another", "type": "api_key"}, http.StatusCreated)

	state := func(when, method, want string) (upstream seen, shown string) {
		t.Helper()
		code, upstream, shown := s.call(t, method, func(r *http.Request) string { return w.show(t, s, r, secret) })
		if code != want {
			t.Fatalf("%s it is answered %q, want %q", when, code, want)
		}
		return upstream, shown
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		upstream, shown := state("live,", method, "")
		s.forwarded(t, who, id, upstream, shown, hide)
	}
	if w.asked["type"] == "oauth2" {
		if upstream, _ := state("live,", http.MethodGet, ""); upstream.header.Get("X-Token-Scopes") != "read write" {
			t.Errorf("upstream is told the scopes %q", upstream.header.Get("X-Token-Scopes"))
		}
	}

	// Of a token that was got before, the credential's state is told; none is given
	// to a credential that is not active.
	token := ""
	if w.asked["type"] == "oauth2" {
		token = s.grant(t, text(secret, "client_id"), text(secret, "client_secret"))
		w.show = func(_ *testing.T, _ *stage, r *http.Request, _ map[string]any) string {
			r.Header.Set("Authorization", "Bearer "+token)
			return token
		}
	}
	s.send(t, http.MethodPost, path+"/suspend", map[string]any{}, http.StatusOK)
	state("suspended,", http.MethodGet, "credential_suspended")
	s.send(t, http.MethodPost, path+"/resume", map[string]any{}, http.StatusOK)
	state("resumed,", http.MethodGet, "")
	s.send(t, http.MethodPost, "/v1/consumers/"+who+"/suspend", map[string]any{}, http.StatusOK)
	state("of a suspended consumer,", http.MethodGet, "consumer_suspended")
	s.send(t, http.MethodPost, "/v1/consumers/"+who+"/resume", map[string]any{}, http.StatusOK)

	s.send(t, http.MethodPatch, path, map[string]any{"expires_at": time.Now().Add(1100 * time.Millisecond).UTC().Format(time.RFC3339Nano)}, http.StatusOK)
	time.Sleep(1200 * time.Millisecond)
	state("expired,", http.MethodGet, "credential_expired")
	s.send(t, http.MethodPatch, path, map[string]any{"expires_at": nil}, http.StatusOK)
	state("given more time,", http.MethodGet, "")

	if config, _ := w.asked["config"].(map[string]any); config["public_key"] == nil { // a key pair is changed by its owner
		rotated := s.send(t, http.MethodPost, path+"/rotate", map[string]any{}, http.StatusOK)
		state("with the secret before a rotation,", http.MethodGet, "credential_invalid")
		secret, _ = rotated["secret"].(map[string]any)
		if token != "" {
			token = s.grant(t, text(secret, "client_id"), text(secret, "client_secret"))
		}
		state("with the secret after a rotation,", http.MethodGet, "")
	}
	s.send(t, http.MethodPost, path+"/revoke", map[string]any{}, http.StatusOK)
	state("revoked,", http.MethodGet, "credential_invalid")
}

// forwarded judges what upstream was told: who calls, the credential or not, and
// all else as it was.
func (s *stage) forwarded(t *testing.T, who, id string, upstream seen, shown string, hide bool) {
	t.Helper()
	if got := upstream.header.Values("X-Consumer-Id"); len(got) != 1 || got[0] != who {
		t.Errorf("upstream is told of %v", got)
	}
	if got := upstream.header.Values("X-Credential-Identifier"); len(got) != 1 || got[0] != id {
		t.Errorf("upstream is told of the credential %v", got)
	}
	if got := upstream.header.Get("X-Other"); got != "stays" {
		t.Errorf("another header is %q", got)
	}
	var all bytes.Buffer
	_ = upstream.header.Write(&all)
	all.WriteString(upstream.query + "\n" + upstream.body)
	if strings.Contains(all.String(), shown) == hide {
		t.Errorf("hidden %v, upstream sees:\n%s", hide, all.String())
	}
	if query := upstream.query; query != "" && (!strings.HasPrefix(query, "a=1&") || !strings.HasSuffix(query, "b=2")) {
		t.Errorf("the query is %q", query)
	}
	if cookie := upstream.header.Get("Cookie"); cookie != "" && (!strings.HasPrefix(cookie, "a=1; ") || !strings.HasSuffix(cookie, "b=2")) {
		t.Errorf("the cookie is %q", cookie)
	}
	if upstream.body != "" && upstream.header.Get("Content-Length") != "" && upstream.header.Get("Content-Length") != fmt.Sprint(len(upstream.body)) {
		t.Errorf("a body of %d bytes is announced as %s", len(upstream.body), upstream.header.Get("Content-Length"))
	}
}
