package gatewaytest

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/accesslog"
	"github.com/tidegate-io/tidegate/services/gateway/internal/admin"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/extauthz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/limit"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
	"github.com/tidegate-io/tidegate/services/gateway/internal/proxy"
	"github.com/tidegate-io/tidegate/services/gateway/internal/tracing"
	"github.com/tidegate-io/tidegate/services/gateway/internal/upstream"
)

// Gateway is a running gateway.
type Gateway struct {
	Address, AdminAddress string
	EnvoyAddress          string // of ext_authz
	Envoy                 *extauthz.Server
	Projection            *projection.Projection
	Decider               *authz.Decider
	Data                  *proxy.Proxy

	mu       sync.Mutex
	observed []proxy.Observation
	ended    []proxy.Ending
}

// Log is where tests log to: nowhere, unless asked.
func Log(t testing.TB) *slog.Logger {
	output := io.Discard
	if os.Getenv("TIDEGATE_TEST_LOG") != "" {
		output = t.Output()
	}
	return slog.New(slog.NewTextHandler(output, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Setup is what tests can change of a gateway; what is zero has its default.
type Setup struct {
	SignedBodyLimit int
	BodyTime        time.Duration
	BodyMemory      int64
	AccessLog       string // empty: off
	Tracer          *tracing.Tracer
}

// Start runs a gateway until the test ends, and waits until it has caught up.
func Start(t testing.TB, w *World, change ...func(*Setup)) *Gateway {
	t.Helper()
	var set Setup
	for _, c := range change {
		c(&set)
	}
	g := &Gateway{}
	g.Projection = projection.New(projection.Config{Dir: t.TempDir(), Streams: w, Ring: w.Ring, Registry: Registry, Log: Log(t)})
	g.Decider = &authz.Decider{State: g.Projection.State, Verifier: authn.New(authn.Types(authn.Config{Ring: w.Ring, SignedBodyLimit: set.SignedBodyLimit})), Limiter: limit.New()}
	upstreams := &upstream.Set{}
	accesses, err := accesslog.Open(set.AccessLog, Log(t))
	if err != nil {
		t.Fatal(err)
	}
	data := proxy.New(proxy.Config{
		Decider: g.Decider, Upstreams: upstreams, Clock: time.Now, Log: Log(t), Observe: g.observe,
		SignedBodyLimit: set.SignedBodyLimit, BodyTime: set.BodyTime, BodyMemory: set.BodyMemory,
		Ended: g.end, AccessLog: accesses, Tracer: set.Tracer,
	})
	g.Data = data
	g.Envoy = extauthz.New(extauthz.Config{
		Decider: g.Decider, Clock: time.Now, Ready: g.Projection.Ready, SignedBodyLimit: set.SignedBodyLimit, Observe: g.observe,
	})
	second := admin.New(admin.Config{Decider: g.Decider, Projection: g.Projection, Clock: time.Now, Observe: g.observe})

	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	listener, adminListener, envoyListener := listen(t), listen(t), listen(t)
	g.Address, g.AdminAddress, g.EnvoyAddress = listener.Addr().String(), adminListener.Addr().String(), envoyListener.Addr().String()
	parts.Go(func() { _ = g.Projection.Run(ctx) })
	parts.Go(func() { _ = upstreams.Run(ctx) })
	if accesses != nil {
		parts.Go(func() { _ = accesses.Run(ctx) })
	}
	parts.Go(func() { _ = data.Serve(listener) })
	parts.Go(func() { _ = second.Listener(adminListener) })
	parts.Go(func() { _ = g.Envoy.Serve(envoyListener) })
	t.Cleanup(func() {
		drain, stop := context.WithTimeout(context.Background(), 2*time.Second)
		defer stop()
		_ = data.Shutdown(drain)
		_ = second.ShutdownWithContext(drain)
		_ = g.Envoy.Shutdown(drain)
		cancel()
		parts.Wait()
	})
	Eventually(t, "the gateway has caught up", func() bool { return g.Projection.Status() == projection.Live })
	return g
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (g *Gateway) observe(o proxy.Observation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.observed = append(g.observed, o)
}

func (g *Gateway) end(e proxy.Ending) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = append(g.ended, e)
}

// Ended answers what was told of the calls that are over.
func (g *Gateway) Ended() []proxy.Ending {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]proxy.Ending(nil), g.ended...)
}

// Observed answers what was told of the calls so far.
func (g *Gateway) Observed() []proxy.Observation {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]proxy.Observation(nil), g.observed...)
}

// Get calls a path with headers "Name", "value", and reads all of the answer.
func (g *Gateway) Get(t testing.TB, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	return g.Do(t, http.MethodGet, path, nil, headers...)
}

// Do makes one call on a connection of its own.
func (g *Gateway) Do(t testing.TB, method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.Address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	content, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", method, path, err)
	}
	return answer, string(content)
}

// Eventually waits until holds answers true.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}
