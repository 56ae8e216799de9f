package admin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

func get(t *testing.T, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func start(t *testing.T) (g *gatewaytest.Gateway, key string) {
	t.Helper()
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", "http://127.0.0.1:1", func(d *catalog.Drafted) {
		d.Routes[0].Host, d.Routes[0].Methods = "api.example", []string{"GET", "POST"}
	})
	w.Consumer(t, "acme", func(d *consumer.Registered) {
		d.Labels = map[string]string{"custom_id": "17"}
		d.Limits = &consumer.Limits{AllowedIPs: []string{"192.0.2.0/24"}}
	})
	w.Subscribe(t, "sub_1", "acme", "pets")
	key = w.APIKey(t, "cred_1", "acme")
	return gatewaytest.Start(t, w), key
}

func TestAnotherProxyIsToldTheSameDecision(t *testing.T) {
	g, key := start(t)
	for name, c := range map[string]struct {
		headers []string
		status  int
		code    string
	}{
		"traefik and caddy": {[]string{"X-Forwarded-Method", "POST", "X-Forwarded-Uri", "/pets/1?a=b", "X-Api-Key", key}, 200, ""},
		"nginx":             {[]string{"X-Original-Method", "GET", "X-Original-URI", "/pets/1", "X-Api-Key", key}, 200, ""},
		"no credential":     {[]string{"X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/pets/1"}, 401, "credential_missing"},
		"another method":    {[]string{"X-Forwarded-Method", "PUT", "X-Forwarded-Uri", "/pets/1", "X-Api-Key", key}, 405, "method_not_allowed"},
		"no route":          {[]string{"X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/cats", "X-Api-Key", key}, 404, "route_not_found"},
		"a bad path":        {[]string{"X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/pets/%2f", "X-Api-Key", key}, 400, "bad_request_target"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := append([]string{"X-Forwarded-Host", "API.example:443", "X-Forwarded-For", "203.0.113.9, 192.0.2.7", "X-Consumer-Id", "lie"}, c.headers...)
			answer, body := get(t, "http://"+g.AdminAddress+"/authz", headers...)
			if answer.StatusCode != c.status || !strings.Contains(body, c.code) || answer.Header.Get("X-Request-Id") == "" {
				t.Fatalf("%s %s", answer.Status, body)
			}
			want := map[string]string{"X-Consumer-Id": "", "X-Credential-Identifier": ""}
			if c.status == 200 {
				want = map[string]string{
					"X-Consumer-Id": "acme", "X-Consumer-Username": "acme", "X-Consumer-Custom-Id": "17",
					"X-Credential-Identifier": "cred_1", "X-Subscription-Id": "sub_1",
				}
			}
			for name, value := range want {
				if got := strings.Join(answer.Header.Values(name), ","); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
			if (answer.Header.Get("Www-Authenticate") != "") != (c.status == 401) {
				t.Errorf("challenges %q", answer.Header.Values("Www-Authenticate"))
			}
		})
	}
	answer, body := get(t, "http://"+g.AdminAddress+"/authz", "X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/pets", "X-Forwarded-Host", "api.example",
		"X-Forwarded-For", "192.0.2.7, 203.0.113.9", "X-Api-Key", key)
	if answer.StatusCode != 403 || !strings.Contains(body, "ip_not_allowed") {
		t.Errorf("an address that the client made up counts: %s %s", answer.Status, body)
	}
}

func TestTheProjectionTellsHowItStands(t *testing.T) {
	g, _ := start(t)
	answer, body := get(t, "http://"+g.AdminAddress+"/debug/projection")
	var r projection.Report
	if err := json.Unmarshal([]byte(body), &r); err != nil || answer.StatusCode != 200 {
		t.Fatal(answer.Status, err)
	}
	if r.Status != projection.Live || r.Applied["catalog"] != 2 || r.Applied["material"] != 1 || r.Secrets != 1 || r.Services != 1 || r.Hash == "" || len(r.Faults) != 0 {
		t.Errorf("%+v", r)
	}
}
