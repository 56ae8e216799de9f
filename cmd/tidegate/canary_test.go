package main_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	libsecret "github.com/tidegate-io/tidegate/libs/secret"
)

// TestNoSecretIsAnywhere puts secrets that would be recognised through every
// operation, in the places that are for them and in those that are not, with
// everything logged; and then looks for them in every file of the data directory,
// every log, every answer and every metric.
func TestNoSecretIsAnywhere(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer upstream.Close()
	collector := collect(t)
	dir := t.TempDir()
	t.Setenv("TIDEGATE_ACCESS_LOG", filepath.Join(dir, "access.log"))
	c := &canaries{t: t, dir: dir}
	c.child = journey.Up(t, binary(t), dir, "--log-level", "debug")
	c.never(c.child.Ready.AdminToken)

	c.operate(upstream.URL)
	c.misuse()
	c.everywhere()
	c.knock()
	c.read()
	c.child.Kill()
	c.search("after kill -9")
	_, log := c.child.Output()
	c.inspect("the log", []byte(log))

	c.child = journey.Up(t, binary(t), dir, "--log-level", "debug")
	c.read()
	if code, _ := c.child.Terminate(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	c.search("after SIGTERM")
	c.logged()
	_, log = c.child.Output()
	c.inspect("the log after a restart", []byte(log))
	for _, signal := range []string{"/v1/traces", "/v1/metrics"} {
		exported := collector.of(signal)
		if len(exported) < 1000 {
			t.Errorf("of %s, %d bytes were exported", signal, len(exported))
		}
		c.inspect(signal, exported)
	}
	if !bytes.Contains(collector.of("/v1/traces"), []byte("credential")) {
		t.Error("the traces do not tell of the credential service: the search does not find what is there")
	}
	if len(c.secrets) < 15 {
		t.Errorf("only %d secrets were put in", len(c.secrets))
	}
}

// logged fails the test when the access log, in which the search was, does not
// tell of the calls.
func (c *canaries) logged() {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, "access.log"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, want := range []string{`"consumer":"acme","credential":"` + c.credential + `"`, `"code":"credential_invalid"`, `"code":"route_not_found"`, `"code":"bad_request_target"`} {
		if !bytes.Contains(content, []byte(want)) {
			c.t.Errorf("the access log does not tell of %s", want)
		}
	}
}

// collector takes what is exported over OTLP.
type collector struct {
	mu  sync.Mutex
	got map[string][]byte
}

// collect has everything that is started from now on export to a collector.
func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{got: map[string][]byte{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			plain, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = plain
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got[r.URL.Path] = append(c.got[r.URL.Path], raw...)
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_TRACES_SAMPLER", "always_on")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
	return c
}

func (c *collector) of(path string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.got[path])
}

// canaries are secrets, and where they went.
type canaries struct {
	t       *testing.T
	dir     string
	child   *journey.Child
	secrets map[string][][]byte // and the forms in which each would be found
	private []string            // shown to who may read a contact, and kept nowhere in the clear
	credential, user,
	key, password,
	token, signing, hashed string
	granted map[string]string
}

// marker is public and stored, so that a search that finds nothing is seen to
// find what is there.
const marker = "PublicMarker4711"

// fresh makes a secret.
func (c *canaries) fresh() string {
	secret := fmt.Sprintf("Canary%032dSecret", len(c.secrets)+1)
	c.never(secret)
	return secret
}

// never says what must be nowhere: as it is, encoded, or hashed without a key.
func (c *canaries) never(secret string) {
	if c.secrets == nil {
		c.secrets = map[string][][]byte{}
	}
	forms := [][]byte{[]byte(secret)}
	sum := sha256.Sum256([]byte(secret))
	for _, form := range [][]byte{[]byte(secret), sum[:]} {
		forms = append(forms, []byte(hex.EncodeToString(form)), []byte(base64.StdEncoding.EncodeToString(form)), []byte(base64.RawURLEncoding.EncodeToString(form)))
	}
	c.secrets[secret] = append(forms, sum[:])
}

// inspect fails the test when something holds a secret; except names those that
// it may.
func (c *canaries) inspect(what string, content []byte, except ...string) {
	c.t.Helper()
	for secret, forms := range c.secrets {
		for i, form := range forms {
			if bytes.Contains(content, form) && !slices.Contains(except, secret) {
				c.t.Errorf("%s holds the secret %q in form %d", what, secret, i)
			}
		}
	}
}

// send calls the management API; the answer may hold what except names.
func (c *canaries) send(method, path, body string, want int, except ...string) map[string]any {
	c.t.Helper()
	key := fmt.Sprintf("canary-%d-%d", len(c.secrets), len(body))
	status, raw, answer := exchange(c.t, c.child, method, path, body, "Idempotency-Key: "+key, "Prefer: wait=10")
	if want != 0 && status != want {
		c.t.Fatalf("%s %s is answered %d, want %d: %s", method, path, status, want, raw)
	}
	if status == http.StatusCreated || status == http.StatusOK {
		if strings.Contains(body, "Canary") {
			c.never(body) // its hash would let everybody guess it
		}
		if secret, shown := answer["secret"].(map[string]any); shown {
			for _, name := range []string{"api_key", "password", "secret", "secret_key", "client_secret"} {
				if generated, there := secret[name].(string); there {
					c.never(generated)
					except = append(except, generated)
				}
			}
		}
	}
	c.inspect(method+" "+path, raw, except...)
	if status == http.StatusCreated && method == http.MethodPost { // the same again shows nothing
		replayed, again, _ := exchange(c.t, c.child, method, path, body, "Idempotency-Key: "+key)
		if replayed != status {
			c.t.Errorf("%s again is answered %d: %s", path, replayed, again)
		}
		c.inspect(method+" "+path+" again", again, c.private...)
	}
	return answer
}

// operate does everything that takes or makes a secret.
func (c *canaries) operate(upstream string) {
	c.t.Helper()
	c.send("POST", "/v1/services", fmt.Sprintf(`{"id":"pets","name":%q,"routes":[{"path_prefix":"/pets"}],"upstreams":[{"url":%q,"weight":1}],"approval":{"mode":"auto"}}`, marker, upstream), 201)
	c.send("POST", "/v1/services/pets/publish", `{}`, 200)
	email, person := c.fresh(), c.fresh()
	c.private = []string{email, person}
	contact := fmt.Sprintf(`{"name":%q,"email":"%s@example.com"}`, person, email)
	c.send("POST", "/v1/consumers", `{"id":"acme","name":"`+marker+`","contact":`+contact+`}`, 201, c.private...)
	c.send("PATCH", "/v1/consumers/acme", `{"description":"changed","contact":`+contact+`}`, 200, c.private...)

	own, rotated, query := c.fresh(), c.fresh(), c.fresh()
	issued := c.send("POST", "/v1/consumers/acme/credentials", `{"name":"own","type":"api_key","config":{"key":"`+own+`"}}`, 201, own)
	c.credential = issued["id"].(string)
	c.send("POST", "/v1/consumers/acme/credentials", `{"name":"made","type":"api_key"}`, 201)
	c.send("POST", "/v1/consumers/acme/credentials", `{"name":"query","type":"api_key","placement":{"in":"query","name":"key"},"config":{"key":"`+query+`"}}`, 201, query)
	c.send("POST", "/v1/credentials/"+c.credential+"/rotate", `{"overlap_seconds":600,"config":{"key":"`+rotated+`"}}`, 200, rotated)
	c.send("POST", "/v1/credentials/"+c.credential+"/suspend", `{}`, 200)
	c.send("POST", "/v1/credentials/"+c.credential+"/resume", `{}`, 200)

	password, second := c.fresh(), c.fresh()
	chosen := c.send("POST", "/v1/consumers/acme/credentials", `{"name":"chosen","type":"basic","config":{"username":"bob","password":"`+password+`"}}`, 201, password)
	c.user = chosen["id"].(string)
	c.send("POST", "/v1/consumers/acme/credentials", `{"name":"generated","type":"basic","config":{"username":"eve"}}`, 201)
	c.send("POST", "/v1/credentials/"+c.user+"/rotate", `{"config":{"password":"`+second+`"}}`, 200, second)
	c.send("POST", "/v1/subscriptions", `{"consumer_id":"acme","service_id":"pets"}`, 201)
	c.key, c.password = rotated, second
	c.sign()
	c.imports()

	c.send("POST", "/v1/consumers/acme/credentials", `{"name":"gone","type":"api_key"}`, 201)
	for _, key := range []string{own, rotated, query} { // each is taken: the refusal does not show it
		c.send("POST", "/v1/consumers/acme/credentials", `{"name":"taken","type":"api_key","config":{"key":"`+key+`"}}`, 409)
	}
}

// sign issues and uses what signs, and what asks for tokens.
func (c *canaries) sign() {
	c.t.Helper()
	issue := func(body string, secrets ...string) string {
		c.t.Helper()
		id, _ := c.send("POST", "/v1/consumers/acme/credentials", body, 201, secrets...)["id"].(string)
		return id
	}
	shared, renewed := c.fresh(), c.fresh()
	issuer := issue(`{"name":"jwt","type":"jwt","config":{"key":"canary-issuer","secret":"`+shared+`"}}`, shared)
	issue(`{"name":"made jwt","type":"jwt","config":{"key":"canary-issuer-2"}}`)
	c.send("POST", "/v1/credentials/"+issuer+"/rotate", `{"overlap_seconds":600,"config":{"secret":"`+renewed+`"}}`, 200, renewed)
	c.token = hs256(map[string]any{"key": "canary-issuer", "secret": renewed})
	c.never(c.token)

	signing := c.fresh()
	issue(`{"name":"hmac","type":"hmac","config":{"access_key":"canary-access","secret_key":"`+signing+`"}}`, signing)
	issue(`{"name":"made hmac","type":"hmac","config":{"scheme":"rfc9421"}}`)
	c.signing = signing

	client := c.fresh()
	issue(`{"name":"client","type":"oauth2","config":{"client_id":"canary-client","client_secret":"`+client+`"}}`, client)
	issue(`{"name":"made client","type":"oauth2"}`)
	c.granted = c.grant("grant_type=client_credentials&client_id=canary-client&client_secret=" + client)
	c.granted = c.grant("grant_type=refresh_token&client_id=canary-client&client_secret=" + client + "&refresh_token=" + c.granted["refresh_token"])
	for _, path := range []string{"/oauth2/introspect", "/oauth2/revoke"} {
		other := c.grant("grant_type=client_credentials&client_id=canary-client&client_secret=" + client)
		c.form(path, "client_id=canary-client&client_secret="+client+"&token="+other["access_token"])
		c.form(path, "client_id=canary-client&client_secret="+client+"&token="+other["refresh_token"])
		c.form(path, "client_id=canary-client&client_secret="+c.fresh()+"&token="+c.fresh())
	}
	for _, body := range []string{`{"api_key":"` + c.key + `"}`, `{"client_id":"canary-client","client_secret":"` + client + `"}`} {
		_, raw, answer := exchange(c.t, c.child, http.MethodPost, "/login", body)
		granted := c.known(answer)
		c.inspect("POST /login", raw, append(granted, c.key)...)
	}
	for _, body := range []string{`{"api_key":"%s"}`, `{"client_id":"canary-client","client_secret":"%s"}`, `{"refresh_token":"%s"}`, `{"%s":1}`, `"%s"`} {
		c.refused(http.MethodPost, "/login", fmt.Sprintf(body, c.fresh()))
	}
}

// grant asks for tokens, which are secrets from then on.
func (c *canaries) grant(form string) map[string]string {
	c.t.Helper()
	answer := c.form("/oauth2/token", form)
	c.known(answer)
	granted := map[string]string{}
	for _, name := range []string{"access_token", "refresh_token"} {
		if granted[name], _ = answer[name].(string); granted[name] == "" {
			c.t.Fatalf("%s asks for %s in vain: %v", form, name, answer)
		}
	}
	return granted
}

// known notes the tokens of an answer as secrets.
func (c *canaries) known(answer map[string]any) (tokens []string) {
	for _, name := range []string{"access_token", "refresh_token"} {
		if token, _ := answer[name].(string); token != "" {
			c.never(token)
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// form sends a form to the OAuth2 server, whose answer may hold new tokens alone.
func (c *canaries) form(path, body string) map[string]any {
	c.t.Helper()
	_, raw, answer := exchange(c.t, c.child, http.MethodPost, path, body, "Content-Type: application/x-www-form-urlencoded", "Authorization: ")
	c.inspect("POST "+path, raw)
	return answer
}

// imports brings along hashes, and what they are of.
func (c *canaries) imports() {
	c.t.Helper()
	key := c.fresh()
	sum := sha256.Sum256([]byte(key))
	c.send("POST", "/v1/consumers/acme/credentials", `{"name":"hashed","type":"api_key","config":{"key_sha256":"`+hex.EncodeToString(sum[:])+`"}}`, 201)
	password := c.fresh()
	hash := libsecret.HashPassword(password)
	c.never(hash)
	c.send("POST", "/v1/consumers/acme/credentials", fmt.Sprintf(`{"name":"hashed too","type":"basic","config":{"username":"hashed","password_hash":%q}}`, hash), 201)
	c.hashed = key
}

// misuse puts secrets where they do not belong, or in a wrong form.
func (c *canaries) misuse() {
	c.t.Helper()
	issue := "/v1/consumers/acme/credentials"
	for _, body := range []string{
		`{"name":"n","type":"api_key","config":"%s"}`,
		`{"name":"n","type":"api_key","config":["%s"]}`,
		`{"name":"n","type":"api_key","config":{"key":["%s"]}}`,
		`{"name":"n","type":"api_key","config":{"key":{"key":"%s"}}}`,
		`{"name":"n","type":"api_key","config":{"key":" %s"}}`,
		`{"name":"n","type":"api_key","config":{"key":"tg_k_%s"}}`,
		`{"name":"n","type":"api_key","config":{"password":"%s"}}`,
		`{"name":"n","type":"api_key","config":{"%s":"x"}}`,
		`{"name":"n","type":"%s"}`,
		`{"name":"n","type":"api_key","api_key":"%s"}`,
		`{"name":"n","type":"api_key","placement":"%s"}`,
		`{"name":"n","type":"api_key","config":{"key":"%s"`,
		`%s`,
		`"%s"`,
		`["%s"]`,
		`{"name":"n","type":"basic","config":{"username":"x:%s"}}`,
		`{"name":"n","type":"basic","config":{"username":["u"],"password":"%s"}}`,
		`{"name":"n","type":"basic","config":{"username":"u","password":["%s"]}}`,
		`{"name":"n","type":"basic","config":{"username":"u","password":"%s\u0007"}}`,
		`{"name":"n","type":"basic","config":{"username":"u","key":"%s"}}`,
		`{"name":"n","type":"api_key","expires_at":"%s"}`,
	} {
		c.send("POST", issue, fmt.Sprintf(body, c.fresh()), 0)
	}
	for _, id := range []string{c.credential, c.user} {
		for _, body := range []string{
			`{"config":{"key":"%s"}}`, `{"config":{"password":"%s"}}`, `{"config":{"secret":"%s"}}`, `{"config":"%s"}`, `{"secret":"%s"}`, `{"overlap_seconds":"%s"}`,
			`{"overlap_seconds":0,"config":{"username":"%s"}}`,
		} {
			c.refused("PATCH", "/v1/credentials/"+id, fmt.Sprintf(body, c.fresh()))
			c.refused("POST", "/v1/credentials/"+id+"/rotate", fmt.Sprintf(strings.Replace(body, `"config":{"`, `"config":{"x":1,"`, 1), c.fresh()))
		}
	}
	for _, body := range []string{`{"contact":"%s"}`, `{"contact":{"email":["%s"]}}`, `{"contact":{"phone":"%s"}}`, `{"contact":{"email":"%s"`} {
		c.refused("PATCH", "/v1/consumers/acme", fmt.Sprintf(body, c.fresh()))
		c.refused("POST", "/v1/consumers", fmt.Sprintf(body, c.fresh()))
	}
}

// refused sends what must not be taken.
func (c *canaries) refused(method, path, body string) {
	c.t.Helper()
	status, raw, _ := exchange(c.t, c.child, method, path, body, "Idempotency-Key: refused")
	if status < http.StatusBadRequest || status >= http.StatusInternalServerError {
		c.t.Errorf("%s %s with %s is answered %d: %s", method, path, body, status, raw)
	}
	c.inspect(method+" "+path, raw)
}

// everywhere gives every operation of the document a body with a secret that it
// does not know, and a query and a token that it does not want.
func (c *canaries) everywhere() {
	c.t.Helper()
	status, raw, _ := exchange(c.t, c.child, "GET", "/openapi.json", "")
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}
	if err := json.Unmarshal(raw, &document); err != nil || status != http.StatusOK {
		c.t.Fatalf("the document is answered %d: %v", status, err)
	}
	operations := 0
	for path, methods := range document.Paths {
		for method, operation := range methods {
			method, secret := strings.ToUpper(method), c.fresh()
			if operation.OperationID == "" || method == http.MethodDelete {
				continue
			}
			operations++
			target := strings.NewReplacer("{id}", "nobody", "{service}", "credential", "{subscriber}", "x", "{source}", "y", "{position}", "1").Replace(path)
			body := ""
			if method != http.MethodGet {
				body = fmt.Sprintf(`{"unknown":%q,"password":%q,"name":[%q]}`, secret, secret, secret)
			}
			_, raw, _ := exchange(c.t, c.child, method, target, body, "Idempotency-Key: everywhere-"+operation.OperationID)
			c.inspect(method+" "+target, raw, c.private...)
			_, raw, _ = exchange(c.t, c.child, method, target+"?password="+secret, body, "Authorization: Bearer "+secret, "X-Request-Id: "+secret)
			c.inspect(method+" "+target+" as nobody", raw)
		}
	}
	if operations < 30 {
		c.t.Errorf("the document has %d operations", operations)
	}
}

// knock calls the gateway, with what is right and what is wrong.
func (c *canaries) knock() {
	c.t.Helper()
	basic := func(user, password string) string {
		encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		c.never(encoded)
		return "Authorization: Basic " + encoded
	}
	for _, call := range []struct {
		path, header string
		want         int
	}{
		{"/pets", "X-API-Key: " + c.key, 200},
		{"/pets", basic("bob", c.password), 200},
		{"/pets", "X-API-Key: " + c.hashed, 200},
		{"/pets", "Authorization: Bearer " + c.token, 200},
		{"/pets", "Authorization: Bearer " + c.token + "A", 401},
		{"/pets", "Authorization: Bearer " + c.granted["access_token"], 200},
		{"/pets", "Authorization: Bearer " + c.granted["refresh_token"], 401},
		{"/pets", "Authorization: HMAC-SHA256 Access=canary-access, SignedHeaders=host, Signature=" + c.signing, 401},
		{"/pets", `Authorization: Signature keyId="canary-access",algorithm="hmac-sha256",headers="date",signature="` + c.signing + `"`, 401},
		{"/pets", "X-API-Key: " + c.fresh(), 401},
		{"/pets", basic("bob", c.fresh()), 401},
		{"/pets", basic(c.fresh(), "x"), 401},
		{"/pets", "Authorization: Bearer " + c.fresh(), 401},
		{"/pets", "Authorization: " + c.fresh(), 401},
		{"/pets?key=" + c.fresh(), "X-Nothing: x", 401},
		{"/pets?apikey=" + c.fresh(), "Cookie: key=" + c.fresh(), 401},
		{"/nowhere?key=" + c.fresh(), "X-API-Key: " + c.fresh(), 404},
		{"/pets/%2f?key=" + c.fresh(), "X-API-Key: " + c.fresh(), 400},
	} {
		request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.child.Ready.GatewayURL+call.path, http.NoBody)
		if err != nil {
			c.t.Fatal(err)
		}
		name, value, _ := strings.Cut(call.header, ": ")
		request.Header.Set(name, value)
		answer, err := caller.Do(request)
		if err != nil {
			c.t.Fatal(err)
		}
		raw, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != call.want {
			c.t.Errorf("%s is answered %d, want %d: %s %v", call.path, answer.StatusCode, call.want, raw, err)
		}
		c.inspect("the gateway's answer", append(raw, fmt.Sprint(answer.Header)...))
	}
}

// read looks at everything that can be read.
func (c *canaries) read() {
	c.t.Helper()
	for _, path := range []string{
		"/v1/consumers", "/v1/consumers/acme", "/v1/consumers/acme/history", "/v1/consumers/acme/credentials?status=all", "/v1/credentials?status=all",
		"/v1/credentials/" + c.credential, "/v1/credentials/" + c.credential + "/history", "/v1/credentials/" + c.user, "/v1/credentials/" + c.user + "/history",
		"/v1/services", "/v1/services/pets/history", "/v1/subscriptions", "/v1/approvals", "/v1/gateways", "/v1/operations/credential", "/metrics", "/readyz", "/openapi.json",
	} {
		status, raw, _ := exchange(c.t, c.child, "GET", path, "")
		if status != http.StatusOK {
			c.t.Errorf("%s is answered %d", path, status)
		}
		c.inspect(path, raw, c.private...)
	}
	for _, path := range []string{"/metrics", "/readyz", "/debug/projection"} {
		answer, err := caller.Get(c.child.Ready.GatewayAdminURL + path) //nolint:noctx // the client gives up by itself
		if err != nil {
			c.t.Fatal(err)
		}
		raw, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			c.t.Fatal(err)
		}
		c.inspect("the gateway's "+path, raw)
	}
}

// search looks into every file of the data directory.
func (c *canaries) search(when string) {
	c.t.Helper()
	marked := 0
	err := filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(content, []byte(marker)) {
			marked++
		}
		c.inspect(strings.TrimPrefix(path, c.dir)+" "+when, content)
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if marked < 4 { // at least two databases, and two streams
		c.t.Errorf("%s the public marker is in %d files: the search does not find what is there", when, marked)
	}
}
