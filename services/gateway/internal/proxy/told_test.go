package proxy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/proxy"
	"github.com/tidegate-io/tidegate/services/gateway/internal/tracing"
)

// told starts a gateway that logs calls to a file, before an upstream.
func told(t *testing.T, handler http.HandlerFunc, change ...func(*gatewaytest.Setup)) (g *gatewaytest.Gateway, key string, lines func(n int) []map[string]any) {
	t.Helper()
	up := httptest.NewServer(handler)
	t.Cleanup(up.Close)
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", up.URL)
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	key = w.APIKey(t, "cred_1", "acme")
	path := filepath.Join(t.TempDir(), "access.log")
	g = gatewaytest.Start(t, w, append(change, func(s *gatewaytest.Setup) { s.AccessLog = path })...)
	return g, key, func(n int) (all []map[string]any) {
		t.Helper()
		var content []byte
		gatewaytest.Eventually(t, fmt.Sprintf("there are %d lines", n), func() bool {
			content, _ = os.ReadFile(path)
			return strings.Count(string(content), "\n") >= n
		})
		for line := range strings.Lines(string(content)) {
			var one map[string]any
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			all = append(all, one)
		}
		if len(all) != n {
			t.Fatalf("%d lines, want %d: %v", len(all), n, all)
		}
		return all
	}
}

func TestACallIsOneLineOfTheAccessLog(t *testing.T) {
	g, key, lines := told(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "hello")
	})
	answer, _ := g.Do(t, "POST", "/pets/./17?token=s3cret", strings.NewReader(strings.Repeat("x", 100_000)), "X-API-Key", key, "Cookie", "a=s3cret", "Authorization", "s3cret",
		"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	line := lines(1)[0]
	for name, want := range map[string]any{
		"request_id": answer.Header.Get("X-Request-Id"), "trace_id": "0af7651916cd43dd8448eb211c80319c", "method": "POST", "host": "127.0.0.1", "path": "/pets/17",
		"route": "/pets", "service": "pets", "consumer": "acme", "credential": "cred_1", "subscription": "sub_1", "code": nil, "status": 200.0,
		"address": "127.0.0.1", "bytes_in": 100_000.0, "bytes_out": 5.0, "broken_by": nil,
	} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	if whole, upstream := line["duration_seconds"].(float64), line["upstream_seconds"].(float64); upstream <= 0 || whole < upstream {
		t.Errorf("%v s, of them %v upstream", whole, upstream)
	}
	if text := fmt.Sprint(line); strings.Contains(text, "s3cret") || strings.Contains(text, key) {
		t.Errorf("it holds a secret: %s", text)
	}
}

func TestARefusalsLineTellsWhyAndNothingOfTheCallBefore(t *testing.T) {
	g, key, lines := told(t, func(http.ResponseWriter, *http.Request) {})
	c := g.Dial(t)
	b := bufio.NewReader(c)
	ask := func(target, headers string) {
		t.Helper()
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", target, headers)
		gatewaytest.ReadAnswer(t, b, "GET")
	}
	ask("/pets", "X-API-Key: "+key+"\r\n")
	ask("/pets", "X-API-Key: wrong\r\n")
	ask("/cats?token=s3cret", "")
	ask("/%2f?token=s3cret", "")
	ask("/pets", "Bad Name: x\r\n")
	for i, want := range []map[string]any{
		{"service": "pets", "consumer": "acme", "status": 200.0},
		{"service": "pets", "code": "credential_invalid", "status": 401.0, "path": "/pets"},
		{"code": "route_not_found", "status": 404.0, "path": "/cats"},
		{"code": "bad_request_target", "status": 400.0},
		{"code": "malformed_request", "status": 400.0},
	} {
		line := lines(5)[i]
		for _, name := range []string{"service", "consumer", "credential", "code", "status", "path"} {
			if i > 0 && line[name] != want[name] {
				t.Errorf("line %d: %s is %v, want %v", i, name, line[name], want[name])
			}
		}
		if size, _ := line["bytes_out"].(float64); i > 0 && size < 100 {
			t.Errorf("line %d: the refusal has %v bytes", i, size)
		}
	}
}

func TestABrokenAnswerTellsWhoBrokeIt(t *testing.T) {
	g, key, lines := told(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		conn, _, _ := http.NewResponseController(w).Hijack()
		_ = conn.Close()
	})
	c := g.Dial(t)
	fmt.Fprintf(c, "GET /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n", key)
	_, _ = io.ReadAll(c)
	if line := lines(1)[0]; line["broken_by"] != "upstream" || line["bytes_out"] != 4.0 || line["status"] != 200.0 {
		t.Errorf("%v", line)
	}
	if ended := g.Ended(); len(ended) != 1 || ended[0].Broken != proxy.ByUpstream {
		t.Errorf("%+v", ended)
	}
}

func TestATunnelIsToldOfWhenItEnds(t *testing.T) {
	g, key, lines := told(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, b, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.CopyN(conn, b, 4)
	})
	c := g.Dial(t)
	fmt.Fprintf(c, "GET /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping", key)
	raw, _ := io.ReadAll(c)
	if !strings.HasSuffix(string(raw), "\r\n\r\nping") {
		t.Fatalf("%q", raw)
	}
	_ = c.Close()
	if line := lines(1)[0]; line["status"] != 101.0 || line["bytes_in"] != 4.0 || line["bytes_out"] != 4.0 || line["consumer"] != "acme" {
		t.Errorf("%v", line)
	}
	if ended := g.Ended(); len(ended) != 1 || !ended[0].Tunnel || ended[0].Service != "pets" {
		t.Errorf("%+v", ended)
	}
}

// traced is a setup whose spans are exported, and a provider as the process has.
func traced(t *testing.T, options ...sdk.TracerProviderOption) (*tracetest.InMemoryExporter, func(*gatewaytest.Setup)) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(append(options, sdk.WithSyncer(spans))...)
	t.Cleanup(func() { _ = provider.Shutdown(t.Context()) })
	return spans, func(s *gatewaytest.Setup) { s.Tracer = tracing.New(provider) }
}

// parents is an upstream that notes the trace headers of its calls.
func parents(to *[]http.Header) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { *to = append(*to, r.Header) }
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestATraceGoesOnFromTheClientToUpstream(t *testing.T) {
	var got []http.Header
	spans, with := traced(t)
	g, key, lines := told(t, parents(&got), with)
	g.Get(t, "/pets/17?token=s3cret", "X-API-Key", key, "traceparent", traceparent, "tracestate", "a=1", "TraceState", "b=2", "User-Agent", "s3cret")
	lines(1)
	stubs := spans.GetSpans()
	if len(stubs) != 2 {
		t.Fatalf("%d spans", len(stubs))
	}
	client, server := stubs[0], stubs[1]
	if server.SpanKind != trace.SpanKindServer || server.Parent.SpanID().String() != "b7ad6b7169203331" || client.SpanKind != trace.SpanKindClient || client.Parent.SpanID() != server.SpanContext.SpanID() {
		t.Errorf("they do not follow from another: %+v %+v", server, client)
	}
	want := "00-0af7651916cd43dd8448eb211c80319c-" + client.SpanContext.SpanID().String() + "-01"
	if v := got[0].Values("Traceparent"); len(v) != 1 || v[0] != want {
		t.Errorf("upstream got %q, want %q", v, want)
	}
	if v := got[0].Values("Tracestate"); len(v) != 1 || v[0] != "a=1,b=2" {
		t.Errorf("upstream got the state %q", v)
	}
	if line := lines(1)[0]; line["trace_id"] != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the log has the trace %v", line["trace_id"])
	}
	attributes := map[string]string{}
	for _, a := range server.Attributes {
		attributes[string(a.Key)] = a.Value.String()
	}
	if server.Name != "GET /pets" {
		t.Errorf("its name is %q", server.Name)
	}
	for name, want := range map[string]string{
		"http.request.method": "GET", "http.response.status_code": "200", "http.route": "/pets", "url.path": "/pets/17", "url.scheme": "http",
		"server.address": "127.0.0.1", "client.address": "127.0.0.1", "tidegate.service": "pets", "tidegate.consumer": "acme",
	} {
		if attributes[name] != want {
			t.Errorf("%s is %q, want %q", name, attributes[name], want)
		}
	}
	if text := fmt.Sprintf("%+v", stubs); strings.Contains(text, "s3cret") || strings.Contains(text, key) || strings.Contains(text, "cred_1") {
		t.Errorf("it holds what it must not: %s", text)
	}
}

func TestTheClientsSamplingCounts(t *testing.T) {
	var got []http.Header
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
	spans, with := traced(t)
	g, key, lines := told(t, parents(&got), with)
	g.Get(t, "/pets", "X-API-Key", key)
	g.Get(t, "/pets", "X-API-Key", key, "traceparent", strings.TrimSuffix(traceparent, "1")+"0")
	g.Get(t, "/pets", "X-API-Key", key, "traceparent", "nonsense", "tracestate", "a=1")
	lines(3)
	if n := len(spans.GetSpans()); n != 0 {
		t.Errorf("%d spans of what nobody sampled", n)
	}
	for i, h := range got {
		v := h.Get("Traceparent")
		if len(v) != len(traceparent) || !strings.HasSuffix(v, "-00") || (i == 1) != strings.Contains(v, "0af7651916cd43dd8448eb211c80319c") || h.Get("Tracestate") != "" {
			t.Errorf("call %d: upstream got %q and %q", i, v, h.Get("Tracestate"))
		}
	}
	g.Get(t, "/pets", "X-API-Key", key, "traceparent", traceparent)
	lines(4)
	if n := len(spans.GetSpans()); n != 2 {
		t.Errorf("%d spans of what the client sampled", n)
	}
}

func TestWithoutATracerTraceHeadersAreCarriedAsTheyAre(t *testing.T) {
	var got []http.Header
	g, key, _ := told(t, parents(&got))
	g.Get(t, "/pets", "X-API-Key", key, "traceparent", "anything", "tracestate", "a=1")
	if got[0].Get("Traceparent") != "anything" || got[0].Get("Tracestate") != "a=1" {
		t.Errorf("%v", got[0])
	}
}

func TestEveryTryHasASpan(t *testing.T) {
	spans, with := traced(t)
	g, key, lines := told(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		_ = conn.Close()
	}, with)
	if answer, _ := g.Get(t, "/pets", "X-API-Key", key); answer.StatusCode != 502 {
		t.Fatal(answer.Status)
	}
	lines(1)
	stubs := spans.GetSpans()
	if len(stubs) != 4 {
		t.Fatalf("%d spans, want three tries and the call", len(stubs))
	}
	text := fmt.Sprint(stubs[2].Attributes)
	if !strings.Contains(text, "http.request.resend_count") || !strings.Contains(text, "upstream_unreachable") {
		t.Errorf("the last try tells %s", text)
	}
	if text := fmt.Sprint(stubs[3].Attributes); stubs[3].Status.Code.String() != "Error" || !strings.Contains(text, "upstream_unreachable") {
		t.Errorf("the call tells %s", text)
	}
}
