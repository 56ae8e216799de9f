package httpapi

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Config is what a server is made of.
type Config struct {
	Service, Version string
	// Auth judges bearer tokens. Nil: every operation but the public ones
	// answers 401.
	Auth Authenticator
	// Idempotency keeps first answers; usually the service's store. Nil: the
	// header Idempotency-Key is refused, for it could not be honoured.
	Idempotency es.Idempotencies
	// Fingerprints answers by what a body is known again under its
	// Idempotency-Key: the one to keep, then those that may have been kept
	// before. A service whose bodies hold secrets keys them, so that nobody finds
	// out a body by guessing it against the database. Nil: SHA-256.
	Fingerprints func(body []byte) [][]byte
	// Waiter honours Prefer: wait. Nil: the preference is ignored, as RFC 7240
	// allows, and no Preference-Applied is answered.
	Waiter Waiter
	Log    *slog.Logger // nil: nothing is logged

	Traces  trace.TracerProvider // nil: the global one
	Metrics metric.MeterProvider // nil: the global one
}

// Waiter waits until what has been acknowledged is in force.
type Waiter interface {
	// Wait answers when every live gateway has applied every service's head of
	// this moment, or after d, or when ctx ends: how many have, of how many
	// that are live, and how many fell silent without a goodbye.
	Wait(ctx context.Context, d time.Duration) (applied, live, unconfirmed int)
}

// Server is one service's management API.
//
// 1. New makes it; 2. Register adds operations, Fiber other routes (health,
// metrics), before the first request; 3. Serve answers on a listener, or
// Handler is called by a process that has one; 4. Shutdown drains it.
type Server struct {
	cfg     Config
	log     *slog.Logger
	app     *fiber.App
	api     huma.API
	watch   *instruments
	table   translations
	drained context.Context
	drain   context.CancelFunc
}

// Limits of a request, and how long a connection may take.
const (
	// MaxBody is the largest body of an operation that names no other limit.
	MaxBody = 1 << 20
	// MaxTransfer is the largest body that is read at all. Between the two the
	// answer is a clean 413; above it the connection is closed after the 413.
	MaxTransfer = 4 << 20

	maxHeader    = 16 << 10 // 4 KiB, the default, answers 431 to a token of 5 kB
	readTimeout  = 15 * time.Second
	writeTimeout = 15 * time.Second
	idleTimeout  = 75 * time.Second
)

// New makes a server without operations.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, log: cfg.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.drained, s.drain = context.WithCancel(context.Background())
	s.watch = newInstruments(cfg)
	s.app = fiber.New(fiber.Config{
		AppName:       cfg.Service,
		Immutable:     true, // a header value kept past the handler must not change
		CaseSensitive: true,
		StrictRouting: true,

		ReadBufferSize: maxHeader,
		BodyLimit:      MaxTransfer,
		ReadTimeout:    readTimeout,
		WriteTimeout:   writeTimeout,
		IdleTimeout:    idleTimeout,

		DisableStartupMessage: true,
		ErrorHandler:          s.answerError,
	})
	s.app.Use(s.edge)
	s.api = newEngine(s.app, cfg)
	return s
}

// Fiber answers the app under the server, for routes that are no operations:
// health, metrics, pages, forwarding. They pass the request id, the security
// headers, the span and the recovery from panics, and nothing else.
func (s *Server) Fiber() *fiber.App { return s.app }

// Handler answers the server as a function, for a process that has a listener
// of its own. It may be given the context of a request that another server is
// handling: the request id and the span are then kept.
func (s *Server) Handler() fasthttp.RequestHandler { return s.known(s.app.Handler()) }

// Serve answers on ln till Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	s.app.Server().Handler = s.Handler()
	return s.app.Listener(ln)
}

// Shutdown stops taking connections, ends what waits for Prefer: wait (those
// commands stand, and say how many gateways have applied them), and waits for
// the calls in flight, until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.drain()
	return s.app.ShutdownWithContext(ctx)
}
