package transit_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// engine is a transit engine as Vault's API describes it: keys with versions,
// AES-256-GCM, ciphertexts "vault:v<version>:<base64>", policies on tokens.
type engine struct {
	*httptest.Server
	mu       sync.Mutex
	versions []cipher.AEAD // of the key "tidegate"
	oldest   int           // min_decryption_version
	tokens   map[string][]string
	space    string // the namespace that it is in
	sealed   bool
	calls    map[string]int
}

func newEngine(t *testing.T, serve func(http.Handler) *httptest.Server) *engine {
	t.Helper()
	e := &engine{oldest: 1, calls: map[string]int{}, tokens: map[string][]string{
		"s.all": {"encrypt", "decrypt"}, "s.reader": {"decrypt"},
	}}
	e.rotate(t)
	e.Server = serve(http.HandlerFunc(e.serve))
	t.Cleanup(e.Close)
	return e
}

// rotate adds a version to the key.
func (e *engine) rotate(t *testing.T) {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.versions = append(e.versions, aead)
}

func (e *engine) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

func (e *engine) asked(operation string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls[operation]
}

func (e *engine) serve(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	path, key, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
	e.calls[path]++
	granted := false
	for _, operation := range e.tokens[r.Header.Get("X-Vault-Token")] {
		granted = granted || operation == path
	}
	switch {
	case e.sealed:
		refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
	case !strings.HasPrefix(r.URL.Path, "/v1/transit/") || !ok || r.Header.Get("X-Vault-Namespace") != e.space:
		refuse(w, http.StatusNotFound, "no handler for route")
	case r.Method != http.MethodPost || !granted:
		refuse(w, http.StatusForbidden, "permission denied")
	case key != "tidegate":
		refuse(w, http.StatusBadRequest, "encryption key not found")
	default:
		e.answer(w, r, path)
	}
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{message}})
}

func (e *engine) answer(w http.ResponseWriter, r *http.Request, operation string) {
	var in struct{ Plaintext, Ciphertext string }
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, http.StatusBadRequest, "failed to parse JSON input")
		return
	}
	data := map[string]any{}
	if operation == "encrypt" {
		plain, err := base64.StdEncoding.DecodeString(in.Plaintext)
		if err != nil {
			refuse(w, http.StatusBadRequest, "failed to base64-decode plaintext: "+in.Plaintext)
			return
		}
		data["key_version"] = len(e.versions)
		data["ciphertext"] = fmt.Sprintf("vault:v%d:%s", len(e.versions),
			base64.StdEncoding.EncodeToString(e.versions[len(e.versions)-1].Seal(nil, nil, plain, nil)))
	} else {
		parts := strings.SplitN(in.Ciphertext, ":", 3)
		version, err := strconv.Atoi(strings.TrimPrefix(parts[min(1, len(parts)-1)], "v"))
		if len(parts) != 3 || err != nil || version < e.oldest || version > len(e.versions) {
			refuse(w, http.StatusBadRequest, "ciphertext or signature version is disallowed by policy (too old)")
			return
		}
		sealed, err1 := base64.StdEncoding.DecodeString(parts[2])
		plain, err2 := e.versions[version-1].Open(nil, nil, sealed, nil)
		if err1 != nil || err2 != nil {
			refuse(w, http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		data["plaintext"] = base64.StdEncoding.EncodeToString(plain)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "1", "lease_id": "", "renewable": false, "data": data})
}
