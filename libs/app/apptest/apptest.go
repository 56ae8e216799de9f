// Package apptest boots services in the test's process on real parts: a real
// SQLite file (or Postgres schema) each, a real embedded NATS server, real HTTP
// on free ports. Nothing is faked but the clock, when a test gives one.
//
//	h := apptest.Start(t, consumer.Service(), credential.Service())
//	h.Admin().Post("/v1/consumers", map[string]any{"name": "Acme"}).Want(201)
//
// Calls go to the portal when it is one of the services, and otherwise straight
// to the service that owns the path.
package apptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/embedded"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/telemetry"
)

// Config says what to boot.
type Config struct {
	Services []app.Service
	// DatabaseURL is a postgres:// address; empty: SQLite files.
	DatabaseURL string
	// DataDir is kept over restarts; empty: a folder of the test's own.
	DataDir string
	// Clock is the services' time; nil: the real one.
	Clock func() time.Time
	// Spans receives every span.
	Spans trace.SpanExporter
	// Change changes the configuration before the services start.
	Change func(*app.Config)
}

// Harness is a running system.
type Harness struct {
	t      testing.TB
	cfg    Config
	issuer *httpapi.Issuer
	nats   *server
	log    *telemetry.Telemetry

	mu        sync.Mutex
	addresses app.Addresses
	stop      context.CancelFunc
	done      chan error
}

// Start boots services and returns when they are ready. They end with the test.
func Start(t testing.TB, services ...app.Service) *Harness {
	t.Helper()
	return StartWith(t, Config{Services: services})
}

// StartWith is Start with everything that can be said.
func StartWith(t testing.TB, cfg Config) *Harness {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	issuer, err := httpapi.BuiltIn(app.IssuerFile(cfg.DataDir))
	if err != nil {
		t.Fatal(err)
	}
	output := io.Discard
	if os.Getenv("TIDEGATE_TEST_LOG") != "" {
		output = t.Output()
	}
	reporting, err := telemetry.Start(t.Context(), telemetry.Config{
		Service: "tidegate", Level: slog.LevelDebug, Format: "text", Output: output, Spans: cfg.Spans,
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &Harness{t: t, cfg: cfg, issuer: issuer, log: reporting, nats: &server{dir: filepath.Join(cfg.DataDir, "nats"), log: reporting.Log}}
	h.StartNATS()
	t.Cleanup(func() {
		h.Stop()
		h.nats.shutdown()
		if err := reporting.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	h.Run()
	return h
}

// readyTime is how long services may take to be ready.
const readyTime = 30 * time.Second

// Run starts the services, again after Stop, on what they had kept.
func (h *Harness) Run() {
	h.t.Helper()
	ready := make(chan app.Addresses, 1)
	cfg := app.Config{
		DatabaseURL: h.cfg.DatabaseURL, DataDir: h.cfg.DataDir, NATSReplicas: 1, RenewGrace: 720 * time.Hour, Namespace: "test",
		Wiring: app.Wiring{
			InProcess: h.nats, Listeners: map[string]net.Listener{}, Auth: h.issuer, Clock: h.cfg.Clock, Telemetry: h.log,
			Ready: func(a app.Addresses) { ready <- a },
		},
	}
	for _, name := range append(h.names(), app.GatewayListener, app.GatewayAdminListener) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			h.t.Fatal(err)
		}
		cfg.Wiring.Listeners[name] = listener
	}
	if h.cfg.Change != nil {
		h.cfg.Change(&cfg)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- app.Run(ctx, cfg, h.cfg.Services...)
		for _, listener := range cfg.Wiring.Listeners { // those that nothing served
			_ = listener.Close()
		}
	}()
	select {
	case addresses := <-ready:
		h.mu.Lock()
		h.addresses, h.stop, h.done = addresses, stop, done
		h.mu.Unlock()
	case err := <-done:
		stop()
		h.t.Fatalf("the services did not start: %v", err)
	case <-time.After(readyTime):
		stop()
		h.t.Fatalf("the services were not ready within %s: %v", readyTime, <-done)
	}
}

// Stop ends the services in order, as SIGTERM does. A failure to drain fails
// the test. NATS goes on.
func (h *Harness) Stop() {
	h.t.Helper()
	h.mu.Lock()
	stop, done := h.stop, h.done
	h.stop = nil
	h.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	if err := <-done; err != nil {
		h.t.Errorf("the services did not end well: %v", err)
	}
}

// DataDir is where the services keep what lasts.
func (h *Harness) DataDir() string { return h.cfg.DataDir }

// Issuer makes tokens that the services trust.
func (h *Harness) Issuer() *httpapi.Issuer { return h.issuer }

// URL answers the base URL of a listener: a service's name,
// app.GatewayListener or app.GatewayAdminListener. Empty: it does not listen.
func (h *Harness) URL(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if address, ok := h.addresses[name]; ok {
		return "http://" + address.String()
	}
	return ""
}

// Connect answers a connection to the bus of the test's own, with all that a
// service may do.
func (h *Harness) Connect(name string) *bus.Conn {
	h.t.Helper()
	conn, err := bus.Connect(h.t.Context(), bus.Config{Name: name, InProcess: h.nats, Log: h.log.Log})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(conn.Close)
	return conn
}

func (h *Harness) names() []string {
	names := make([]string, len(h.cfg.Services))
	for i, s := range h.cfg.Services {
		names[i] = s.Name
	}
	return names
}

// Eventually waits until holds answers true, for ten seconds at most.
func (h *Harness) Eventually(what string, holds func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			h.t.Fatalf("it never came to this: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// StopNATS takes the bus away; StartNATS brings it back with all that it had.
func (h *Harness) StopNATS() { h.nats.shutdown() }

// StartNATS starts the bus.
func (h *Harness) StartNATS() {
	h.t.Helper()
	if err := h.nats.start(h.t.Context()); err != nil {
		h.t.Fatalf("start NATS: %v", err)
	}
}

// server is the embedded server, which may be away.
type server struct {
	dir string
	log *slog.Logger

	mu             sync.Mutex
	running        *embedded.Server
	user, password string // of the last one
}

func (s *server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	started, err := embedded.Start(ctx, embedded.Config{Dir: s.dir, Log: s.log})
	if err != nil {
		return err
	}
	s.running = started
	s.user, s.password = started.Conn().UserInfo()
	return nil
}

func (s *server) shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		s.running.Shutdown()
		s.running = nil
	}
}

var errAway = errors.New("NATS is away")

// InProcessConn connects to the server, wherever it is.
func (s *server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return nil, fmt.Errorf("connect: %w", errAway)
	}
	return s.running.Conn().InProcessConn()
}

// UserInfo answers the credentials of the services.
func (s *server) UserInfo() (user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.user, s.password
}
