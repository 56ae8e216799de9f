package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/signer"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential"
)

// TestTheKeyRingIsRotatedUnderTraffic replaces the pepper and the sealing key of
// a running system by the command line, with calls going on: none is refused, and
// nobody's secret changes.
func TestTheKeyRingIsRotatedUnderTraffic(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer upstream.Close()
	r := &ringed{t: t, dir: t.TempDir(), brought: "brought-along-0123456789"}
	r.child = journey.Up(t, binary(t), r.dir)
	r.prepare(upstream.URL)
	before := r.ring()
	stop := r.traffic()

	r.tidegate("rotate", "--all", "--timeout", "30s")
	after := r.ring()
	r.taken("while both peppers are live")
	r.refused("retire", "run `tidegate keyring reseal`")
	r.refused("rotate --all", "is not retired yet")
	r.issue("during", "api_key", nil, withKey)
	backup, backedRing := r.backup()

	r.tidegate("reseal", "--batch", "3")
	r.taken("after everything was made again")
	if again := r.tidegate("reseal"); strings.Contains(again, " 1 made again") {
		t.Errorf("a second reseal made something again: %s", again)
	}
	r.tidegate("retire", "--timeout", "30s")
	r.taken("after the older pepper was destroyed")
	stop()

	t.Run("the older keys are in no file any more", func(t *testing.T) {
		content, err := os.ReadFile(app.KeyringFile(r.dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range before.Keys() {
			if strings.Contains(string(content), key.ID) {
				t.Errorf("%s is still there", key.ID)
			}
		}
		if status := r.tidegate("status", "-o", "json"); strings.Contains(status, `"old"`) || strings.Contains(status, before.Active(secret.Pepper)) {
			t.Errorf("the status is %s", status)
		}
	})
	t.Run("what a backup holds opens with the ring of before alone", func(t *testing.T) {
		open, shut := r.opens(backup, backedRing)
		if open == 0 || shut != 0 {
			t.Errorf("with its own ring %d of %d rows open", open, open+shut)
		}
		if open, _ := r.opens(backup, r.ring()); open != 1 { // the one that was issued under the new keys
			t.Errorf("with the new ring %d rows open", open)
		}
	})
	t.Run("every secret of before works, also after kill -9", func(t *testing.T) {
		r.child.Kill()
		r.child = journey.Up(t, binary(t), r.dir)
		for name, show := range r.callers {
			if status := r.call(show); status != http.StatusOK {
				t.Errorf("%s is answered %d", name, status)
			}
		}
		r.taken("after a restart")
		if _, _, acme := exchange(t, r.child, "GET", "/v1/consumers/acme", ""); fmt.Sprint(acme["contact"]) != "map[email:ada@example.org name:Ada]" {
			t.Errorf("the contact is %v", acme["contact"])
		}
	})
	if after.Active(secret.Pepper) == before.Active(secret.Pepper) || after.Active(secret.Sealing) == before.Active(secret.Sealing) {
		t.Error("the keys in use are those of before")
	}
}

// ringed is a system whose key ring is rotated.
type ringed struct {
	t       *testing.T
	dir     string
	child   *journey.Child
	brought string
	callers map[string]func(*http.Request) // by name of the credential
}

func (r *ringed) prepare(upstream string) {
	r.t.Helper()
	r.must("POST", "/v1/services", map[string]any{
		"id": "petstore", "name": "Petstore", "approval": map[string]any{"mode": "auto"},
		"routes": []any{map[string]any{"path_prefix": "/petstore"}}, "upstreams": []any{map[string]any{"url": upstream}},
	})
	r.must("POST", "/v1/services/petstore/publish", nil)
	r.must("POST", "/v1/consumers", map[string]any{"id": "acme", "name": "Acme", "contact": map[string]any{"name": "Ada", "email": "ada@example.org"}})
	r.must("POST", "/v1/subscriptions", map[string]any{"consumer_id": "acme", "service_id": "petstore"})
	r.callers = map[string]func(*http.Request){}
	basic := func(secret map[string]any) func(*http.Request) {
		return func(q *http.Request) { q.SetBasicAuth(text(secret, "username"), text(secret, "password")) }
	}
	r.issue("generated", "api_key", nil, withKey)
	r.issue("brought", "api_key", map[string]any{"key": r.brought}, withKey)
	r.issue("generated password", "basic", nil, basic)
	r.issue("chosen password", "basic", map[string]any{"username": "ada", "password": "correct horse"}, basic)
	r.issue("shared secret", "jwt", map[string]any{"key": "issuer"}, func(secret map[string]any) func(*http.Request) {
		return func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+hs256(secret)) }
	})
	r.issue("signing secret", "hmac", nil, func(secret map[string]any) func(*http.Request) {
		return func(q *http.Request) {
			q.URL.RawQuery = fmt.Sprint("once=", time.Now().UnixNano())
			if err := signer.AKSK(q, text(secret, "access_key"), text(secret, "secret_key"), time.Now()); err != nil {
				r.t.Error(err)
			}
		}
	})
	r.issue("access token", "oauth2", nil, func(secret map[string]any) func(*http.Request) {
		token := (&stage{child: r.child}).grant(r.t, text(secret, "client_id"), text(secret, "client_secret"))
		return func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+token) }
	})
}

func withKey(secret map[string]any) func(*http.Request) {
	return func(q *http.Request) { q.Header.Set("X-API-Key", text(secret, "api_key")) }
}

func (r *ringed) must(method, path string, body any) map[string]any {
	r.t.Helper()
	encoded := ""
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		encoded = string(raw)
	}
	status, raw, decoded := exchange(r.t, r.child, method, path, encoded, "Prefer: wait=10")
	if status >= 300 {
		r.t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
	return decoded
}

func (r *ringed) issue(name, kind string, config map[string]any, show func(map[string]any) func(*http.Request)) {
	r.t.Helper()
	if config == nil {
		config = map[string]any{}
	}
	issued := r.must("POST", "/v1/consumers/acme/credentials", map[string]any{"name": name, "type": kind, "config": config})
	shown, ok := issued["secret"].(map[string]any)
	if !ok {
		r.t.Fatalf("no secret is in %v", issued)
	}
	r.callers[name] = show(shown)
}

func (r *ringed) call(show func(*http.Request)) int {
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.child.Ready.GatewayURL+"/petstore/pets", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	show(request)
	answer, err := caller.Do(request)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// traffic calls with every credential of now until it is stopped, and fails the
// test when any call was refused.
func (r *ringed) traffic() (stop func()) {
	var done atomic.Bool
	var calls atomic.Int64
	var workers sync.WaitGroup
	for name, show := range r.callers {
		workers.Go(func() {
			for !done.Load() {
				if status := r.call(show); status != http.StatusOK {
					r.t.Errorf("a call with the %s secret was answered %d", name, status)
				}
				calls.Add(1)
			}
		})
	}
	return func() {
		done.Store(true)
		workers.Wait()
		r.t.Logf("%d calls went through", calls.Load())
	}
}

// taken tries to bring along the key that somebody has.
func (r *ringed) taken(when string) {
	r.t.Helper()
	body := fmt.Sprintf(`{"name":"stolen","type":"api_key","config":{"key":%q}}`, r.brought)
	status, _, decoded := exchange(r.t, r.child, "POST", "/v1/consumers/acme/credentials", body)
	if status != http.StatusConflict || decoded["code"] != "credential_taken" {
		r.t.Errorf("%s the key could be brought along a second time: %d %v", when, status, decoded["code"])
	}
}

func (r *ringed) command(arguments ...string) (output string, err error) {
	command := exec.CommandContext(r.t.Context(), binary(r.t), append(append([]string{"keyring"}, arguments...), "--data-dir", r.dir)...)
	raw, err := command.CombinedOutput()
	r.t.Logf("keyring %s:\n%s", strings.Join(arguments, " "), raw)
	return string(raw), err
}

func (r *ringed) tidegate(arguments ...string) string {
	r.t.Helper()
	output, err := r.command(arguments...)
	if err != nil {
		r.t.Fatalf("keyring %v: %v", arguments, err)
	}
	return output
}

func (r *ringed) refused(arguments, says string) {
	r.t.Helper()
	output, err := r.command(strings.Fields(arguments)...)
	if err == nil || !strings.Contains(output, says) {
		r.t.Errorf("keyring %s was not refused with %q", arguments, says)
	}
}

func (r *ringed) ring() *secret.Ring {
	r.t.Helper()
	ring, err := secret.Load(app.KeyringFile(r.dir))
	if err != nil {
		r.t.Fatal(err)
	}
	return ring
}

// backup copies the credential service's database, and the key ring as it was
// then.
func (r *ringed) backup() (dir string, ring *secret.Ring) {
	r.t.Helper()
	dir = r.t.TempDir()
	files, err := filepath.Glob(filepath.Join(r.dir, "credential.db*"))
	if err != nil || len(files) == 0 {
		r.t.Fatalf("no database: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), content, 0o600)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return dir, r.ring()
}

// opens counts the rows of a backup that a ring opens, and those that it does
// not.
func (r *ringed) opens(dir string, ring *secret.Ring) (open, shut int) {
	r.t.Helper()
	store, err := app.OpenStore(r.t.Context(), app.Config{DataDir: dir, Namespace: "default"}, credential.Service())
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	rows, err := store.MaterialAfter(r.t.Context(), "", 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, row := range rows {
		if len(row.Sealed) == 0 {
			continue
		}
		switch _, err := ring.OpenProof(row.Key, row.Sealed); {
		case err == nil:
			open++
		case errors.Is(err, secret.ErrUnknownKey):
			shut++
		default:
			r.t.Errorf("%s: %v", row.Key, err)
		}
	}
	return open, shut
}

// TestARunningSystemNoticesItsKeyRing holds how quickly.
func TestARunningSystemNoticesItsKeyRing(t *testing.T) {
	dir := t.TempDir()
	child := journey.Up(t, binary(t), dir)
	ring, err := secret.Load(app.KeyringFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	added, err := ring.Add(secret.Sealing)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for {
		_, raw, state := exchange(t, child, "GET", "/v1/operations/credential/keyring", "")
		holders, _ := state["holders"].([]any)
		if len(holders) == 3 && strings.Count(string(raw), added) == 4 { // the gateway, two services, and the one that answers
			break
		}
		if time.Since(began) > 5*time.Second {
			t.Fatalf("after 5 s: %s", raw)
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Logf("every process listed it after %s", time.Since(began).Round(time.Millisecond))
}
