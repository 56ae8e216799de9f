package main_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
)

func TestTheMainJourneyInOneProcess(t *testing.T) {
	journey.Run(t, journey.Up(t, binary(t), t.TempDir()).System())
}

func TestUp(t *testing.T) {
	t.Run("the ready line is exactly one line on standard output", func(t *testing.T) {
		child := journey.Up(t, binary(t), t.TempDir())
		code, _ := child.Terminate()
		stdout, _ := child.Output()
		if strings.Count(stdout, "\n") != 1 || code != 0 {
			t.Errorf("it ended with %d and wrote %q", code, stdout)
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(stdout), &line); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ready", "management_url", "gateway_url", "gateway_admin_url", "nats_url", "admin_token", "data_dir"} {
			if line[name] == nil || line[name] == "" {
				t.Errorf("the ready line has no %s: %s", name, stdout)
			}
		}
	})

	t.Run("the token of the ready line is an administrator's", func(t *testing.T) {
		child := journey.Up(t, binary(t), t.TempDir())
		if status := get(t, child.Ready.ManagementURL+"/v1/consumers", child.Ready.AdminToken); status != http.StatusOK {
			t.Errorf("it is answered %d", status)
		}
	})

	t.Run("every address is healthy once it is ready", func(t *testing.T) {
		child := journey.Up(t, binary(t), t.TempDir())
		for _, target := range []string{
			child.Ready.ManagementURL + "/livez", child.Ready.ManagementURL + "/readyz", child.Ready.ManagementURL + "/metrics",
			child.Ready.ManagementURL + "/openapi.json", child.Ready.ManagementURL + "/.well-known/jwks.json",
			child.Ready.ManagementURL + "/.well-known/management-jwks.json", child.Ready.ManagementURL + "/.well-known/oauth-authorization-server",
			child.Ready.GatewayAdminURL + "/livez", child.Ready.GatewayAdminURL + "/readyz", child.Ready.GatewayAdminURL + "/metrics",
		} {
			if status := get(t, target, ""); status != http.StatusOK {
				t.Errorf("%s is answered %d", target, status)
			}
		}
		if status := get(t, child.Ready.ManagementURL+"/v1/nowhere", child.Ready.AdminToken); status != http.StatusNotFound {
			t.Errorf("an unknown path is answered %d, want 404", status)
		}
	})

	t.Run("SIGTERM ends it with 0 within ten seconds", func(t *testing.T) {
		if code, took := journey.Up(t, binary(t), t.TempDir()).Terminate(); code != 0 || took > 10*time.Second {
			t.Errorf("it ended with %d after %s", code, took)
		}
	})

	t.Run("a second one on the same data directory exits 1 and says why", func(t *testing.T) {
		dir := t.TempDir()
		journey.Up(t, binary(t), dir)
		second := journey.Launch(t, binary(t), "up", "--data-dir", dir, "--listen", "127.0.0.1:0")
		code := second.Wait()
		stdout, stderr := second.Output()
		if code != 1 || !strings.Contains(stderr, "in use by another tidegate") || stdout != "" {
			t.Errorf("it ended with %d: %q %q", code, stdout, stderr)
		}
	})

	t.Run("it resumes from its data directory, after SIGTERM and after kill -9", func(t *testing.T) {
		dir := t.TempDir()
		child := journey.Up(t, binary(t), dir)
		key := keyOf(t, child)
		child.Terminate()
		child = journey.Up(t, binary(t), dir)
		if status := callWith(t, child, key); status != http.StatusNotFound {
			t.Errorf("after SIGTERM a call is answered %d", status)
		}
		child.Kill()
		child = journey.Up(t, binary(t), dir)
		if status := get(t, child.Ready.ManagementURL+"/v1/consumers/acme", child.Ready.AdminToken); status != http.StatusOK {
			t.Errorf("after kill -9 the consumer is answered %d", status)
		}
	})

	t.Run("wrong settings are told in one message", func(t *testing.T) {
		child := journey.Launch(t, binary(t), "up", "--data-dir", t.TempDir(), "--database-url", "mysql://x", "--nats-url", "nowhere", "--log-level", "loud")
		code := child.Wait()
		_, stderr := child.Output()
		for _, name := range []string{"TIDEGATE_DATABASE_URL", "TIDEGATE_NATS_URL", "TIDEGATE_LOG_LEVEL"} {
			if !strings.Contains(stderr, name) {
				t.Errorf("it does not name %s: %s", name, stderr)
			}
		}
		if code != 1 {
			t.Errorf("it ended with %d", code)
		}
	})
}

func TestPorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, flag := range []string{"--listen", "--gateway-listen", "--gateway-admin-listen", "--ext-authz-listen", "--nats-listen"} {
		t.Run("a port that is taken and was asked for by "+flag+" ends it with 1", func(t *testing.T) {
			child := journey.Launch(t, binary(t), "up", "--data-dir", t.TempDir(), flag, taken.Addr().String())
			if code := child.Wait(); code != 1 {
				t.Errorf("it ended with %d", code)
			}
			if _, stderr := child.Output(); !strings.Contains(stderr, taken.Addr().String()) {
				t.Errorf("it does not name the port: %s", stderr)
			}
		})
	}

	t.Run("NATS stays in process when it is off", func(t *testing.T) {
		child := journey.Up(t, binary(t), t.TempDir(), "--nats-listen", "off")
		if child.Ready.NATSURL != "" {
			t.Errorf("nats_url is %q", child.Ready.NATSURL)
		}
		if status := get(t, child.Ready.ManagementURL+"/readyz", ""); status != http.StatusOK {
			t.Errorf("it is not ready: %d", status)
		}
	})

	t.Run("defaults that are taken give the next free ones, and the banner says so", func(t *testing.T) {
		for _, address := range []string{"127.0.0.1:8080", "127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:4222"} {
			if listener, err := net.Listen("tcp", address); err == nil { // else it is taken by somebody, which is as good
				defer func() { _ = listener.Close() }()
			}
		}
		child := journey.Launch(t, binary(t), "up", "--data-dir", t.TempDir())
		var stdout string
		for deadline := time.Now().Add(30 * time.Second); !strings.Contains(stdout, "curl") && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			stdout, _ = child.Output()
		}
		for _, port := range []string{"8080", "8000", "8001", "4222"} {
			if !strings.Contains(stdout, "("+port+" was taken)") {
				t.Errorf("the banner does not say that %s was taken:\n%s", port, stdout)
			}
		}
	})
}

func TestDemo(t *testing.T) {
	dir := t.TempDir()
	var pasted string
	for _, start := range []string{"the first start", "a restart", "a restart after kill -9"} {
		child := journey.Launch(t, binary(t), "up", "--demo", "--data-dir", dir, "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0",
			"--gateway-admin-listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0")
		var stdout, stderr string
		for deadline := time.Now().Add(60 * time.Second); pasted == "" && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			stdout, stderr = child.Output()
			for line := range strings.Lines(stdout) {
				if line = strings.TrimSpace(line); strings.HasPrefix(line, "curl ") {
					pasted = line
				}
			}
		}
		if pasted == "" {
			t.Fatalf("on %s there was no curl: %s %s", start, stdout, stderr)
		}
		output, err := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(pasted, "curl ", "curl -sS -w '%{http_code}' ", 1)).CombinedOutput()
		if err != nil || !strings.HasSuffix(string(output), "200") || !strings.Contains(string(output), "acme-mobile") {
			t.Errorf("on %s the pasted %q answers %s %v", start, pasted, output, err)
		}
		counts(t, dir, map[string]int{"service": 3, "consumer": 3, "credential": 3, "subscription": 5, "approval": 2})
		pasted = ""
		if start == "a restart" {
			child.Kill()
		} else if code, _ := child.Terminate(); code != 0 {
			t.Errorf("it ended with %d", code)
		}
	}
}

// counts fails the test unless there are so many objects of each noun.
func counts(t *testing.T, dataDir string, want map[string]int) {
	t.Helper()
	for noun, number := range want {
		output, err := exec.CommandContext(t.Context(), binary(t), noun, "list", "-o", "json", "--data-dir", dataDir).Output()
		var items []any
		if err != nil || json.Unmarshal(output, &items) != nil || len(items) != number {
			t.Errorf("there are %d of %s, want %d: %v %s", len(items), noun, number, err, output)
		}
	}
}

func TestTokensAreMadeWhileItRuns(t *testing.T) {
	child := journey.Up(t, binary(t), t.TempDir())
	output, err := exec.CommandContext(t.Context(), binary(t), "token", "--data-dir", child.Ready.DataDir, "--subject", "alice", "--role", "developer",
		"--team", "payments", "--ttl", "1h").Output()
	if err != nil {
		t.Fatal(err)
	}
	if status := get(t, child.Ready.ManagementURL+"/v1/consumers", strings.TrimSpace(string(output))); status != http.StatusOK {
		t.Errorf("it is answered %d", status)
	}
	info, err := os.Stat(filepath.Join(child.Ready.DataDir, "issuer.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the issuer's key has mode %v, %v", info.Mode(), err)
	}
}

// keyOf registers the consumer acme and answers a key of its.
func keyOf(t *testing.T, child *journey.Child) string {
	t.Helper()
	post(t, child, "/v1/consumers", `{"id":"acme","name":"Acme","team":"apps"}`)
	issued := post(t, child, "/v1/consumers/acme/credentials", `{"name":"key","type":"api_key"}`)
	secret, _ := issued["secret"].(map[string]any)
	key, _ := secret["api_key"].(string)
	return key
}

func callWith(t *testing.T, child *journey.Child, key string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, child.Ready.GatewayURL+"/nowhere", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", key)
	answer, err := caller.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func post(t *testing.T, child *journey.Child, path, body string) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, child.Ready.ManagementURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+child.Ready.AdminToken)
	answer, err := caller.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("%s is answered %d: %s %v", path, answer.StatusCode, raw, err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func get(t *testing.T, target, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := caller.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// caller gives up on what does not answer.
var caller = &http.Client{Timeout: 20 * time.Second}
