package admin_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

// front starts a proxy with an example of deploy/examples, the addresses put in,
// and answers where it listens.
func front(t *testing.T, scene *gatewaytest.Scene, name string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	_ = l.Close()
	example := map[string]string{"nginx": "nginx/tidegate.conf", "caddy": "caddy/Caddyfile"}[name]
	written, err := os.ReadFile(filepath.Join("../../../../deploy/examples", example))
	if err != nil {
		t.Fatal(err)
	}
	text := string(written)
	for place, is := range map[string]string{"127.0.0.1:8001": scene.Gateway.AdminAddress, "127.0.0.1:9000": strings.TrimPrefix(scene.Upstream.URL, "http://"), ":8080": address[strings.LastIndexByte(address, ':'):]} {
		if !strings.Contains(text, place) {
			t.Fatalf("%s has no %s", example, place)
		}
		text = strings.ReplaceAll(text, place, is)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, filepath.Base(example))
	var command *exec.Cmd
	if name == "nginx" {
		main := "worker_processes 1;\npid " + dir + "/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			main += kind + "_temp_path " + dir + "/" + kind + ";\n"
		}
		if err := os.WriteFile(dir+"/nginx.conf", []byte(main+"include "+config+";\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		command = exec.Command("/usr/sbin/nginx", "-e", "stderr", "-c", dir+"/nginx.conf", "-g", "daemon off; master_process off;")
	} else {
		command = exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", config)
		command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = t.Output(), t.Output()
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatalf("%v: make needs installs it", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	gatewaytest.Eventually(t, name+" listens", func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return address
}

// send sends a message to an address and reads the answer.
func send(t *testing.T, address string, m gatewaytest.Message) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	if _, err := io.WriteString(c, m.Wire()); err != nil {
		t.Fatal(err)
	}
	return gatewaytest.ReadAnswer(t, bufio.NewReader(c), m.Method)
}

// identity are the headers that say who calls.
var identity = []string{
	"X-Consumer-Id", "X-Consumer-Username", "X-Consumer-Custom-Id", "X-Credential-Identifier", "X-Subscription-Id", "X-Token-Scopes", "X-Forwarded-For", "X-Forwarded-Host",
}

func TestRealProxiesInFrontDecideAsTheDataPath(t *testing.T) {
	for _, name := range []string{"nginx", "caddy"} {
		t.Run(name, func(t *testing.T) {
			scene := gatewaytest.Play(t)
			address := front(t, scene, name)
			for _, call := range scene.Calls() {
				t.Run(call.Name, func(t *testing.T) {
					direct, want := scene.Gateway.Raw(t, call.Message.Wire())
					_, wanted := lastOf(t, scene, call.Status)
					before := len(scene.Upstream.Heads())
					answer, body := send(t, address, call.Again())
					if direct.StatusCode != call.Status || answer.StatusCode != call.Status {
						t.Fatalf("the data path says %s (%s), behind %s it is %s (%s)", direct.Status, want, name, answer.Status, body)
					}
					if called := len(scene.Upstream.Heads()) - before; called == 1 != (call.Status == 200) {
						t.Fatalf("upstream was called %d times", called)
					}
					if call.Status != 200 {
						refusedAlike(t, name, direct, answer, body, call)
						return
					}
					_, got := lastOf(t, scene, 200)
					for _, header := range identity {
						if g, w := gatewaytest.Values(got, header), gatewaytest.Values(wanted, header); !slices.Equal(g, w) {
							t.Errorf("upstream gets %s %q, and from the data path %q", header, g, w)
						}
					}
					if ids := gatewaytest.Values(got, "X-Request-Id"); len(ids) != 1 || !slices.Equal(ids, answer.Header.Values("X-Request-Id")) {
						t.Errorf("request ids: upstream %q, client %q", ids, answer.Header.Values("X-Request-Id"))
					}
				})
			}
		})
	}
}

func lastOf(t *testing.T, scene *gatewaytest.Scene, status int) (string, []string) {
	t.Helper()
	if status != 200 {
		return "", nil
	}
	return scene.Upstream.Last(t)
}

// refusedAlike holds a refusal to the data path's: its code, and its headers.
func refusedAlike(t *testing.T, name string, direct, answer *http.Response, body string, call gatewaytest.Call) {
	t.Helper()
	if name == "nginx" && strings.Contains(body, "<html>") && call.Code == "bad_request_target" {
		return // nginx itself refuses what climbs above the root
	}
	var problem struct {
		Code      string
		Status    int
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Code != call.Code || problem.Status != call.Status {
		t.Errorf("told %s: %v", body, err)
	}
	if id := answer.Header.Values("X-Request-Id"); len(id) != 1 || id[0] != problem.RequestID {
		t.Errorf("request ids %q", id)
	}
	for _, header := range []string{"Www-Authenticate", "Allow", "Content-Type"} {
		got, want := answer.Header.Values(header), direct.Header.Values(header)
		if name == "nginx" && len(want) > 1 {
			want = want[:1] // what Debian's nginx passes on
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
}

func TestRealProxiesInFrontTellOfLimitsAndBelieveNoClient(t *testing.T) {
	for _, name := range []string{"nginx", "caddy"} {
		t.Run(name, func(t *testing.T) {
			scene := gatewaytest.Play(t)
			address := front(t, scene, name)
			for left, status := range []int{200, 200, 429} {
				answer, body := send(t, address, scene.Get("X-API-Key", scene.Limited))
				if answer.StatusCode != status || answer.Header.Get("Ratelimit-Policy") != `"consumer";q=2;w=3600` ||
					!strings.HasPrefix(answer.Header.Get("Ratelimit"), `"consumer";r=`+[]string{"1", "0", "0"}[left]) || (answer.Header.Get("Retry-After") != "") != (status == 429) {
					t.Fatalf("call %d: %s %v %s", left, answer.Status, answer.Header, body)
				}
			}
			if _, lines := scene.Upstream.Last(t); len(gatewaytest.Values(lines, "X-Consumer-Custom-Id")) > 0 || len(gatewaytest.Values(lines, "X-Token-Scopes")) > 0 {
				t.Errorf("upstream is told what nobody knows: %q", lines)
			}
			if answer, _ := send(t, address, scene.Get("X-API-Key", scene.Key)); len(answer.Header.Values("Ratelimit"))+len(answer.Header.Values("Ratelimit-Policy")) > 0 {
				t.Errorf("who has no limits is told of some: %v", answer.Header)
			}
			lies := scene.Get("X-API-Key", scene.Key, "X-Consumer-Id", "lie", "X_Consumer_Id", "lie", "X.Consumer.Id", "lie", "x-consumer_username", "lie", "X-Token-Scopes", "lie",
				"X-Real-Ip", "lie", "X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "lie", "X-Credential_Identifier", "lie", "X-Consumer-Custom-Id", "lie")
			if answer, body := send(t, address, lies); answer.StatusCode != 200 {
				t.Fatalf("%s %s", answer.Status, body)
			}
			if _, lines := scene.Upstream.Last(t); strings.Contains(strings.Join(lines, "\n"), "lie") || strings.Contains(strings.Join(lines, "\n"), "10.0.0.1") {
				t.Errorf("upstream gets %q", lines)
			}
			m := scene.Get("X-API-Key", scene.Key, "X-Forwarded-Uri", "/pets/1", "X-Original-Uri", "/pets/1", "X-Forwarded-Method", "GET", "X-Original-Method", "GET",
				"X-Forwarded-Host", gatewaytest.SceneHost)
			m.Target = "/elsewhere"
			if answer, body := send(t, address, m); answer.StatusCode != 404 || strings.Contains(body, "lie") {
				t.Errorf("a client talked itself to another path: %s %s", answer.Status, body)
			}
		})
	}
}

func TestWhatAProxyMustTell(t *testing.T) {
	scene := gatewaytest.Play(t)
	url := "http://" + scene.Gateway.AdminAddress + "/authz"
	whole := []string{"X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/pets/1", "X-Forwarded-Host", gatewaytest.SceneHost, "X-Api-Key", scene.Key}
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"all of it":                      {whole, 200},
		"the same in both ways":          {append(slices.Clone(whole), "X-Original-Uri", "/pets/1", "X-Original-Method", "GET"), 200},
		"nothing in the other way":       {append(slices.Clone(whole), "X-Original-Uri", ""), 200},
		"two targets":                    {append(slices.Clone(whole), "X-Original-Uri", "/elsewhere"), 400},
		"two targets in one way":         {append(slices.Clone(whole), "X-Forwarded-Uri", "/elsewhere"), 400},
		"two methods":                    {append(slices.Clone(whole), "X-Original-Method", "POST"), 400},
		"two hosts":                      {append(slices.Clone(whole), "X-Forwarded-Host", "other.example.com"), 400},
		"no target":                      {slices.Concat(whole[:2], whole[4:]), 400},
		"no method":                      {whole[2:], 400},
		"no host: this request's counts": {slices.Concat(whole[:4], whole[6:]), 404},
	} {
		t.Run(name, func(t *testing.T) {
			if answer, body := get(t, url, c.headers...); answer.StatusCode != c.status || (answer.Header.Get("Tidegate-Code") == "") != (c.status == 200) {
				t.Errorf("%s %q: %s", answer.Status, answer.Header.Get("Tidegate-Code"), body)
			}
		})
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
		request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(whole); i += 2 {
			request.Header.Set(whole[i], whole[i+1])
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != 200 || answer.Header.Get("X-Consumer-Id") != "acme" {
			t.Errorf("asked by %s: %s", method, answer.Status)
		}
	}
}
