package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// named finds the names of metrics in an expression: ours, and those of every
// process.
var named = regexp.MustCompile(`\b(?:tidegate|go|process)_[a-z0-9_]+`)

// page answers what a real gateway has on /metrics after calls that were let
// through and refused.
func page(t *testing.T) string {
	t.Helper()
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(up.Close)
	s := newSystem(t)
	s.populate(up.URL)
	key := s.issue("cred_1")
	g := s.gateway()
	eventually(t, "the gateway is live", func() bool { return g.ready() && g.status() == "live" })
	s.confirmed()
	if g.call(key) != 200 || g.call("wrong") != 401 {
		t.Fatal("the calls are not answered as they should")
	}
	answer, err := http.Get("http://" + g.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	return string(content)
}

// has says whether the page has a sample of a metric.
func has(page, name string) bool {
	return strings.Contains(page, "\n"+name+"{") || strings.Contains(page, "\n"+name+" ")
}

func TestWhatIsDrawnAlertedAndDocumentedIsThere(t *testing.T) {
	metrics := page(t)
	there := func(t *testing.T, where, expression string) {
		t.Helper()
		names := named.FindAllString(expression, -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric: %s", where, expression)
		}
		for _, name := range names {
			if !has(metrics, name) {
				t.Errorf("%s names %s, which /metrics has not", where, name)
			}
		}
		if strings.Count(expression, "(") != strings.Count(expression, ")") || strings.Count(expression, "{") != strings.Count(expression, "}") {
			t.Errorf("%s: brackets do not match: %s", where, expression)
		}
	}

	t.Run("with what the calls came to", func(t *testing.T) {
		for _, want := range []string{
			`tidegate_gateway_calls_total{code="",service="pets",status="2xx"} 1`, `tidegate_gateway_calls_total{code="credential_invalid",service="pets",status="4xx"} 1`,
			`tidegate_gateway_call_seconds_count{service="pets"} 2`, `tidegate_gateway_upstream_seconds_count{service="pets"} 1`, `tidegate_gateway_exchange_seconds_count{service="pets"} 2`,
			"tidegate_gateway_decision_seconds_count 2", "tidegate_gateway_overhead_seconds_count 2", `tidegate_gateway_upstream_dials_total{outcome="ok"} 1`, "tidegate_gateway_tunnels 0",
		} {
			if !strings.Contains(metrics, "\n"+want+"\n") {
				t.Errorf("%s is not there", want)
			}
		}
		if strings.Contains(metrics, "\ntidegate_gateway_projection_apply_seconds_count 0\n") {
			t.Error("no step of the projection was timed")
		}
	})

	t.Run("by the dashboard", func(t *testing.T) {
		var dashboard struct {
			UID        string
			Title      string
			Templating struct {
				List []struct{ Name, Type, Definition string }
			}
			Panels []struct {
				ID      int
				Type    string
				Title   string
				GridPos struct{ X, Y, W, H int }
				Targets []struct{ Expr string }
			}
		}
		decode(t, "grafana/gateway.json", json.Unmarshal, &dashboard)
		ids := map[int]bool{}
		drawn := 0
		for _, p := range dashboard.Panels {
			if ids[p.ID] || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("panel %d %q is there twice, has no title or is out of the grid", p.ID, p.Title)
			}
			ids[p.ID] = true
			if p.Type != "row" && len(p.Targets) == 0 {
				t.Errorf("%q draws nothing", p.Title)
			}
			for _, target := range p.Targets {
				drawn++
				there(t, p.Title, target.Expr)
			}
		}
		for _, v := range dashboard.Templating.List {
			if v.Type == "query" {
				there(t, "$"+v.Name, v.Definition)
			}
		}
		if dashboard.UID == "" || drawn < 20 {
			t.Errorf("%q draws %d expressions", dashboard.Title, drawn)
		}
	})

	t.Run("by the alerts", func(t *testing.T) {
		var rules struct {
			Groups []struct {
				Name  string
				Rules []struct {
					Alert, Expr, For    string
					Labels, Annotations map[string]string
				}
			}
		}
		decode(t, "prometheus/gateway.rules.yml", yaml.Unmarshal, &rules)
		alerts := map[string]bool{}
		for _, group := range rules.Groups {
			for _, r := range group.Rules {
				if alerts[r.Alert] || r.Alert == "" || r.For == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" ||
					!slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) {
					t.Errorf("%q is there twice, or not whole: %+v", r.Alert, r)
				}
				alerts[r.Alert] = true
				there(t, r.Alert, r.Expr)
			}
		}
		if len(alerts) < 8 {
			t.Errorf("%d alerts", len(alerts))
		}
	})

	t.Run("by the README, which tells of all", func(t *testing.T) {
		readme, err := os.ReadFile("README.md")
		if err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(string(readme), "\n## Metrics\n")
		table, _, _ = strings.Cut(table, "\n## ")
		told := regexp.MustCompile("(?m)^\\| `(tidegate_gateway_[a-z_]+)`").FindAllStringSubmatch(table, -1)
		var documented, exported []string
		for _, name := range told {
			documented = append(documented, name[1])
		}
		for _, name := range regexp.MustCompile(`(?m)^# TYPE (tidegate_gateway_[a-z_]+) `).FindAllStringSubmatch(metrics, -1) {
			exported = append(exported, name[1])
		}
		slices.Sort(documented)
		slices.Sort(exported)
		if !slices.Equal(documented, exported) {
			t.Errorf("the table has %v\n/metrics has %v", documented, exported)
		}
	})

	t.Run("and no label tells of a consumer or a credential", func(t *testing.T) {
		for line := range strings.Lines(metrics) {
			if strings.HasPrefix(line, "tidegate_gateway_") && (strings.Contains(line, "acme") || strings.Contains(line, "cred_1") || strings.Contains(line, "sub_1")) {
				t.Error(line)
			}
		}
	})
}

func decode(t *testing.T, path string, unmarshal func([]byte, any) error, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "deploy", path))
	if err != nil {
		t.Fatal(err)
	}
	if err := unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}
