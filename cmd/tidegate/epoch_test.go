package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	"github.com/tidegate-io/tidegate/libs/bus"
)

// TestARestoredBackupLosesNothingAndRevivesNoKey has every database set back to
// an earlier point: what happened since is only on the bus, until `epoch bump`
// has taken it in.
func TestARestoredBackupLosesNothingAndRevivesNoKey(t *testing.T) {
	dir := t.TempDir()
	e := &estate{t: t, dir: dir}
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer upstream.Close()
	service := func(id, route string) string {
		return fmt.Sprintf(`{"id":%q,"name":"S","routes":[{"path_prefix":%q}],"upstreams":[{"url":%q,"weight":1}],"approval":{"mode":"auto"}}`, id, route, upstream.URL)
	}
	credential := func(name, config string) string {
		return fmt.Sprintf(`{"name":%q,"type":"api_key","config":{"key":%q}}`, name, config)
	}
	const oldKey, newKey, rotatedKey = "key-from-before-the-backup", "key-from-after-the-backup", "key-rotated-after-the-backup"

	e.start()
	e.post("/v1/services", service("pets", "/pets"), 201)
	e.post("/v1/services/pets/publish", `{}`, 200)
	e.post("/v1/services", service("old", "/given-up"), 201)
	e.post("/v1/consumers", `{"id":"acme","name":"Acme"}`, 201)
	old := e.post("/v1/consumers/acme/credentials", credential("old", oldKey), 201)
	renamed := e.post("/v1/consumers/acme/credentials", credential("before", "key-that-is-to-be-rotated"), 201)
	e.post("/v1/subscriptions", `{"consumer_id":"acme","service_id":"pets"}`, 201)
	e.stop()
	backup := e.databases()

	e.start()
	e.post("/v1/credentials/"+old["id"].(string)+"/revoke", `{}`, 200)
	e.post("/v1/consumers/acme/credentials", credential("new", newKey), 201)
	e.post("/v1/consumers/acme/credentials", `{"name":"user","type":"basic","config":{"username":"bob"}}`, 201)
	e.post("/v1/credentials/"+renamed["id"].(string)+"/rotate", `{"config":{"key":"`+rotatedKey+`"}}`, 200)
	e.send(http.MethodPatch, "/v1/credentials/"+renamed["id"].(string), `{"name":"after"}`, 200)
	e.post("/v1/services", service("late", "/late"), 201)
	e.post("/v1/services/late/publish", `{}`, 200)
	e.post("/v1/services/old/retire", `{}`, 200)
	e.post("/v1/consumers", `{"id":"globex","name":"Globex"}`, 201)
	e.post("/v1/subscriptions", `{"consumer_id":"acme","service_id":"late"}`, 201)
	e.stop()
	e.restore(backup)

	e.start()
	if code, output := e.run("doctor"); code != 1 || strings.Count(output, "epoch bump") < len(bus.Contexts) {
		t.Errorf("doctor ends with %d and says %s", code, output)
	}
	e.calls(oldKey, "pets", http.StatusUnauthorized)
	e.stop()

	for _, context := range bus.Contexts {
		if code, output := e.run("epoch", "bump", "--context", context); code != 0 {
			t.Fatalf("epoch bump of %s ends with %d: %s", context, code, output)
		}
	}
	e.start()
	if code, output := e.run("doctor"); code != 0 {
		t.Errorf("after the bump doctor ends with %d and says %s", code, output)
	}
	e.calls(oldKey, "pets", http.StatusUnauthorized)
	e.calls("key-that-is-to-be-rotated", "pets", http.StatusUnauthorized)
	for _, key := range []string{newKey, rotatedKey} {
		e.calls(key, "pets", http.StatusOK)
		e.calls(key, "late", http.StatusOK)
	}
	e.send(http.MethodGet, "/v1/consumers/globex", "", 200)

	// What imported events have taken is held, and what they gave up is free.
	e.post("/v1/consumers/globex/credentials", credential("stolen", newKey), 409)
	e.post("/v1/consumers/globex/credentials", credential("stolen", rotatedKey), 409)
	e.post("/v1/consumers/globex/credentials", `{"name":"user","type":"basic","config":{"username":"bob"}}`, 409)
	e.post("/v1/consumers/acme/credentials", `{"name":"new","type":"api_key"}`, 409)
	e.post("/v1/consumers/acme/credentials", `{"name":"after","type":"api_key"}`, 409)
	e.post("/v1/services", service("thief", "/late"), 409)
	e.post("/v1/subscriptions", `{"consumer_id":"acme","service_id":"late"}`, 409)
	e.post("/v1/consumers/acme/credentials", credential("before", "another-key-of-sixteen"), 201)
	e.post("/v1/services", service("heir", "/given-up"), 201)
}

// estate is a data directory, and the process that runs on it.
type estate struct {
	t     *testing.T
	dir   string
	child *journey.Child
}

func (e *estate) start() {
	e.t.Helper()
	e.child = journey.Up(e.t, binary(e.t), e.dir)
}

func (e *estate) stop() {
	e.t.Helper()
	if code, _ := e.child.Terminate(); code != 0 {
		_, log := e.child.Output()
		e.t.Fatalf("it ended with %d: %s", code, log)
	}
}

// databases answers the files of every database.
func (e *estate) databases() map[string][]byte {
	e.t.Helper()
	names, err := filepath.Glob(filepath.Join(e.dir, "*.db*"))
	if err != nil || len(names) < len(bus.Contexts) {
		e.t.Fatalf("there are %v: %v", names, err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(name); err != nil {
			e.t.Fatal(err)
		}
	}
	return files
}

func (e *estate) restore(backup map[string][]byte) {
	e.t.Helper()
	for name := range e.databases() {
		if err := os.Remove(name); err != nil {
			e.t.Fatal(err)
		}
	}
	for name, content := range backup {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			e.t.Fatal(err)
		}
	}
}

// run runs another command on the data directory.
func (e *estate) run(args ...string) (code int, output string) {
	e.t.Helper()
	command := exec.CommandContext(e.t.Context(), binary(e.t), append(args, "--data-dir", e.dir)...)
	all, err := command.CombinedOutput()
	if command.ProcessState == nil {
		e.t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(all)
}

func (e *estate) post(path, body string, want int) map[string]any {
	e.t.Helper()
	return e.send(http.MethodPost, path, body, want)
}

func (e *estate) send(method, path, body string, want int) map[string]any {
	e.t.Helper()
	status, _, answer := exchange(e.t, e.child, method, path, body, "Prefer: wait=10")
	if status != want {
		e.t.Fatalf("%s %s is answered %d, want %d: %v", method, path, status, want, answer)
	}
	return answer
}

// calls fails the test unless a call with a key is answered so.
func (e *estate) calls(key, service string, want int) {
	e.t.Helper()
	request, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, e.child.Ready.GatewayURL+"/"+service, http.NoBody)
	if err != nil {
		e.t.Fatal(err)
	}
	request.Header.Set("X-API-Key", key)
	answer, err := caller.Do(request)
	if err != nil {
		e.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != want {
		e.t.Errorf("%s is answered %d at %s, want %d", key, answer.StatusCode, service, want)
	}
}
