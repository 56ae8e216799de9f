package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func logTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(&locked{w: w}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// Fiber's strings alias a buffer that the next request of the connection
// overwrites, unless it is told to copy them.
func TestAHeaderValueKeptPastItsHandlerDoesNotChange(t *testing.T) {
	t.Parallel()
	api, s := start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(api.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, value := range []string{"aaaaaaaa", "bbbbbbbb", "cccccccc"} {
		fmt.Fprintf(conn, "POST /v1/keep HTTP/1.1\r\nHost: x\r\nX-Keep: %s\r\nContent-Length: 0\r\n\r\n", value)
		buffer := make([]byte, 4096)
		if n, err := conn.Read(buffer); err != nil || !strings.HasPrefix(string(buffer[:n]), "HTTP/1.1 204") {
			t.Fatalf("answer %q, error %v", buffer[:n], err)
		}
	}
	if got := strings.Join(s.kept, " "); got != "aaaaaaaa bbbbbbbb cccccccc" {
		t.Errorf("kept %q", got)
	}
}

func TestEveryAnswerHasAnIdOfItsOwnAndSecurityHeaders(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	ids := map[string]bool{}
	for _, path := range []string{"/v1/notes", "/v1/notes/none", "/v1/nothing", "/v1/notes?limit=0"} {
		answer := api.Developer("red").With("X-Request-Id", "mine").Get(t, path)
		id := answer.Header.Get("X-Request-Id")
		if len(id) != 36 || ids[id] {
			t.Errorf("%s: X-Request-Id %q", path, id)
		}
		ids[id] = true
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s %q", path, name, got)
			}
		}
		if answer.Header.Get("Server") != "" || answer.Header.Get("Link") != "" {
			t.Errorf("%s: headers %v", path, answer.Header)
		}
	}
}

func TestALineInTheLogHoldsNoQueryNoBodyAndNoToken(t *testing.T) {
	t.Parallel()
	var logged strings.Builder
	api := httpapitest.Start(t, httpapi.Config{Service: "note", Log: logTo(&logged)}, newSample(t).register)
	api.Developer("red").Get(t, "/v1/notes?q="+leak).Want(t, 200)
	api.Developer("red").Post(t, "/v1/notes", `{"title":"`+leak+`"}`).Want(t, 403)
	api.Anonymous().With("Authorization", "Bearer "+leak).Get(t, "/v1/notes").Want(t, 401)
	lines := logged.String()
	if strings.Count(lines, "msg=call") != 3 || !strings.Contains(lines, "route=/v1/notes") || !strings.Contains(lines, "status=403") {
		t.Errorf("logged %s", lines)
	}
	if strings.Contains(lines, "SECRET") {
		t.Errorf("the log holds what was sent: %s", lines)
	}
}

func TestSpansAndMetricsFollowTheConventions(t *testing.T) {
	t.Parallel()
	spans, reader := tracetest.NewSpanRecorder(), metric.NewManualReader()
	api := httpapitest.Start(t, httpapi.Config{
		Service: "note", Traces: trace.NewTracerProvider(trace.WithSpanProcessor(spans)), Metrics: metric.NewMeterProvider(metric.WithReader(reader)),
	}, newSample(t).register)
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	api.Developer("red").With("traceparent", parent).Get(t, "/v1/notes/none?x="+leak).Want(t, 422)
	failed := api.Developer("red").With("traceparent", parent).Post(t, "/v1/fail", nil).Refused(t, 500, "internal_error")
	if failed.Detail != "Trace id: 4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("detail %q", failed.Detail)
	}
	api.Anonymous().Get(t, "/v1/nothing").Want(t, 404)

	ended := spans.Ended()
	if len(ended) != 3 {
		t.Fatalf("%d spans", len(ended))
	}
	for i, want := range []string{"GET /v1/notes/{id}", "POST /v1/fail", "GET"} {
		if ended[i].Name() != want {
			t.Errorf("span %q, want %q", ended[i].Name(), want)
		}
		if strings.Contains(fmt.Sprint(ended[i].Attributes()), "SECRET") {
			t.Errorf("a span holds the query: %v", ended[i].Attributes())
		}
	}
	if got := ended[0].SpanContext().TraceID().String(); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("trace %s", got)
	}
	if ended[1].Status().Code.String() != "Error" || ended[0].Status().Code.String() != "Unset" {
		t.Errorf("statuses %v, %v", ended[0].Status(), ended[1].Status())
	}

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, point := range data.DataPoints {
				route, _ := point.Attributes.Value("http.route")
				status, _ := point.Attributes.Value("http.response.status_code")
				found[m.Name+" "+route.AsString()+" "+status.String()] = true
				if _, has := point.Attributes.Value(attribute.Key("url.path")); has {
					t.Error("a metric knows paths: their number has no bound")
				}
			}
		case metricdata.Sum[int64]:
			for _, point := range data.DataPoints {
				found[fmt.Sprint(m.Name, " ", point.Value)] = true
			}
		}
	}
	for _, want := range []string{"http.server.request.duration /v1/notes/{id} 422", "http.server.request.duration /v1/fail 500", "http.server.request.duration  404", "http.server.active_requests 0"} {
		if !found[want] {
			t.Errorf("no %q in %v", want, found)
		}
	}
}

func TestOtherRoutesStandOnTheSameServer(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	inner := httpapi.New(httpapi.Config{Service: "note", Version: "1", Auth: httpapitest.Tokens{}})
	s.register(inner)
	peer := inner.Handler()
	api := httpapitest.Start(t, httpapi.Config{Service: "portal"}, func(outer *httpapi.Server) {
		outer.Fiber().Get("/livez", func(c *fiber.Ctx) error { return c.SendString("ok") })
		outer.Fiber().Get("/broken", func(*fiber.Ctx) error { panic("broken") })
		outer.Fiber().All("/v1/*", func(c *fiber.Ctx) error {
			mine := httpapi.RequestID(c.UserContext())
			peer(c.Context())
			c.Set("X-Outer-Id", mine)
			return nil
		})
	})
	live := api.Anonymous().Get(t, "/livez").Want(t, 200)
	if string(live.Body) != "ok" || live.Header.Get("X-Request-Id") == "" {
		t.Errorf("body %q, headers %v", live.Body, live.Header)
	}
	api.Anonymous().Get(t, "/broken").Refused(t, 500, "internal_error")
	api.Anonymous().Get(t, "/elsewhere").Refused(t, 404, "not_found")
	// A request that another server of this process hands over keeps its id.
	api.Developer("red").Get(t, "/v1/notes/none").Refused(t, 404, "not_found")
	written := api.Developer("red").Post(t, "/v1/notes", first).Want(t, 201)
	if id := written.Header.Get("X-Outer-Id"); id == "" || id != written.Header.Get("X-Request-Id") {
		t.Errorf("X-Outer-Id %q, X-Request-Id %q", id, written.Header.Get("X-Request-Id"))
	}
	stored, err := s.store.Load(t.Context(), "note-first", 0)
	if err != nil || stored[0].CorrelationID != written.Header.Get("X-Request-Id") {
		t.Errorf("correlation id %q, X-Request-Id %q, error %v", stored[0].CorrelationID, written.Header.Get("X-Request-Id"), err)
	}
	if err := inner.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestARequestTargetThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	for _, target := range []string{"/v1/%zz", "/v1/notes/%", "/v1/notes/a%2"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(api.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target)
		answer, err := io.ReadAll(conn)
		_ = conn.Close()
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400") || !strings.Contains(string(answer), "bad_request_target") {
			t.Errorf("%s: %s, error %v", target, answer, err)
		}
	}
}

func TestShutdownEndsWhatWaitsForGateways(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.waiter.block = true
	server := httpapi.New(httpapi.Config{Service: "note", Version: "1", Auth: httpapitest.Tokens{}, Waiter: s.waiter})
	s.register(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	answered := make(chan string, 1)
	go func() {
		request, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+listener.Addr().String()+"/v1/keep", http.NoBody)
		request.Header.Set("Prefer", "wait=30")
		request.Header.Set("X-Keep", "x")
		request.Close = true
		answer, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
		if err != nil {
			answered <- err.Error()
			return
		}
		_ = answer.Body.Close()
		answered <- answer.Status + " " + answer.Header.Get("Tidegate-Applied")
	}()
	deadline := time.Now().Add(5 * time.Second)
	for s.waiter.count() == 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if got := <-answered; got != "204 No Content 0/3" || time.Since(begin) > 5*time.Second {
		t.Errorf("answered %q after %v", got, time.Since(begin))
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
