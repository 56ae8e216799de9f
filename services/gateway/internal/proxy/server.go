// Package proxy is the data path: it takes a call in, has it decided, and carries
// it to a service and its answer back, as streams.
//
// Nothing of a request outlives its handler but what the rule's own strings say:
// the server uses its buffers again for the next call.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/accesslog"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/tracing"
	"github.com/tidegate-io/tidegate/services/gateway/internal/upstream"
	"github.com/tidegate-io/tidegate/services/gateway/internal/wire"
)

// Sizes and times of the client's side.
const (
	maxHeader  = 64 << 10 // of a request, all lines together
	headerTime = 15 * time.Second
	idleTime   = 75 * time.Second
	// stallTime is how long a client may take for the next piece of a body,
	// either way.
	stallTime = 60 * time.Second
)

// Config is what a proxy is made of.
type Config struct {
	Decider   *authz.Decider
	Upstreams *upstream.Set
	Clock     func() time.Time
	Log       *slog.Logger
	// SignedBodyLimit is how large a body the verifier asks for, in bytes.
	SignedBodyLimit int
	// BodyTime and BodyMemory bound bodies that are read ahead; 0: aheadTime, and
	// aheadMemory or more.
	BodyTime   time.Duration
	BodyMemory int64
	// Observe is told of every call whose answer begins, Ended of every one that
	// is over. Nil: nobody is.
	Observe func(Observation)
	Ended   func(Ending)
	// AccessLog takes a line of every call, Tracer traces them. Nil: nobody does.
	AccessLog *accesslog.Log
	Tracer    *tracing.Tracer
}

// Proxy serves calls.
type Proxy struct {
	cfg    Config
	server *fasthttp.Server
	calls  sync.Pool
	memory *memory
	// tunnels are those that are open.
	tunnels atomic.Int64
}

// New makes a proxy; Serve lets it serve.
func New(cfg Config) *Proxy {
	if cfg.BodyTime == 0 {
		cfg.BodyTime = aheadTime
	}
	if cfg.BodyMemory == 0 {
		cfg.BodyMemory = max(aheadMemory, aheadBodies*int64(cfg.SignedBodyLimit))
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Observation) {}
	}
	if cfg.Ended == nil {
		cfg.Ended = func(Ending) {}
	}
	p := &Proxy{cfg: cfg, memory: &memory{total: cfg.BodyMemory}}
	p.calls.New = func() any { return &exchange{proxy: p} }
	p.server = &fasthttp.Server{
		Handler:       p.handle,
		ExpectHandler: p.expect,
		ErrorHandler:  p.unreadable,
		// A body is streamed from its first byte on; 1 is the least that can be
		// read ahead.
		StreamRequestBody:             true,
		MaxRequestBodySize:            1,
		DisablePreParseMultipartForm:  true,
		DisableHeaderNamesNormalizing: true,
		NoDefaultServerHeader:         true,
		NoDefaultDate:                 true,
		NoDefaultContentType:          true,
		SecureErrorLogMessage:         true,
		CloseOnShutdown:               true,
		ReadBufferSize:                maxHeader,
		ReadTimeout:                   headerTime,
		WriteTimeout:                  stallTime,
		IdleTimeout:                   idleTime,
		Logger:                        quiet{cfg.Log},
	}
	return p
}

// Serve serves until Shutdown.
func (p *Proxy) Serve(listener net.Listener) error {
	return p.server.Serve(wire.Listener{Listener: listener})
}

// client answers a call's connection.
func client(ctx *fasthttp.RequestCtx) *wire.Conn { return ctx.Conn().(*wire.Conn) }

// Shutdown lets calls in flight end, as long as ctx allows.
func (p *Proxy) Shutdown(ctx context.Context) error { return p.server.ShutdownWithContext(ctx) }

// quiet takes the server's own log: faults of single connections.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(string, ...any) { q.log.Debug("a connection ended with a fault") }

// exchangeKey finds the exchange that expect began.
const exchangeKey = "exchange"

// handle serves one call.
func (p *Proxy) handle(ctx *fasthttp.RequestCtx) {
	x, decided := ctx.UserValue(exchangeKey).(*exchange)
	switch {
	case !decided:
		x = p.begin(ctx)
		x.decide()
	case x.ahead.waiting:
		x.ahead.waiting = false
		if x.call.Code == authn.BodyWanted {
			x.decide()
		}
	}
	if x.call.Code != access.Allowed {
		x.refuse()
		x.discardBody()
		x.end()
		return
	}
	x.forward()
}

// expect decides about a call whose client waits for "100 Continue" before it
// sends the body. A refused one never sends it; one about which nothing can be
// said before the body is there does, and is decided about again.
func (p *Proxy) expect(ctx *fasthttp.RequestCtx) int {
	x := p.begin(ctx)
	x.ahead.waiting = true
	x.decide()
	if x.call.Code == access.Allowed || x.call.Code == authn.BodyWanted {
		ctx.SetUserValue(exchangeKey, x)
		return fasthttp.StatusContinue
	}
	x.refuse()
	status := ctx.Response.StatusCode()
	x.end()
	return status
}

// begin takes a call from the server.
func (p *Proxy) begin(ctx *fasthttp.RequestCtx) *exchange {
	x := p.calls.Get().(*exchange)
	now := p.cfg.Clock()
	x.ctx, x.began, x.requestID = ctx, time.Now(), events.NewID(now)
	x.call.At = now
	x.call.Method = text(ctx.Method())
	x.call.Raw = text(ctx.Request.Header.RequestURI())
	x.call.Host = text(ctx.Request.Header.Host())
	x.call.Body = x
	x.call.Address = addressOf(ctx.RemoteAddr())
	x.malformed = false
	var err error
	if x.call.Fields, err = header.Parse(x.fields[:0], ctx.Request.Header.RawHeaders()); err != nil {
		x.malformed = true
		return x
	}
	x.fields = x.call.Fields
	p.cfg.Tracer.Begin(&x.spans, x.call.Fields, x.began)
	x.malformed = ambiguous(x.call.Fields) || x.call.Host == "" && ctx.Request.Header.IsHTTP11()
	return x
}

// ambiguous says that a message could end in two places, or go to two hosts,
// depending on who reads it.
func ambiguous(fields []header.Field) bool {
	lengths, codings, hosts := 0, 0, 0
	for _, f := range fields {
		switch {
		case f.Is("Content-Length"):
			lengths++
		case f.Is("Transfer-Encoding"):
			codings++
			if !strings.EqualFold(f.Value, "chunked") {
				return true
			}
		case f.Is("Host"):
			hosts++
		}
	}
	return lengths+codings > 1 || hosts > 1
}

// unreadable answers what the server itself could not read.
func (p *Proxy) unreadable(ctx *fasthttp.RequestCtx, err error) {
	code := authz.MalformedRequest
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.As(err, &small):
		code = authz.HeaderTooLarge
	case errors.As(err, &network) && network.Timeout():
		code = authz.RequestTimeout
	case errors.Is(err, fasthttp.ErrorInvalidURI), strings.Contains(err.Error(), "uri"), strings.Contains(err.Error(), "host"):
		code = access.BadRequestTarget
	}
	clean(ctx)
	now := p.cfg.Clock()
	requestID := events.NewID(now)
	writeProblem(ctx, code, requestID)
	ctx.SetConnectionClose()
	p.cfg.Observe(Observation{Code: code, Status: authz.Status(code)})
	if p.cfg.AccessLog != nil {
		entry := accesslog.Entry{Time: now, RequestID: requestID, Code: string(code), Status: authz.Status(code), Address: addressOf(ctx.RemoteAddr())}
		p.cfg.AccessLog.Add(accesslog.Outcome{Sent: int64(len(ctx.Response.Body()))}.Append(entry.Append(nil)))
	}
}

// clean forgets what was begun of an answer. The next one is the gateway's own,
// and has a date.
func clean(ctx *fasthttp.RequestCtx) {
	ctx.Response.Reset()
	ctx.Response.Header.DisableNormalizing()
	ctx.Response.Header.SetNoDefaultContentType(true)
}

func writeProblem(ctx *fasthttp.RequestCtx, code access.Code, requestID string) {
	ctx.Response.SetStatusCode(authz.Status(code))
	ctx.Response.Header.SetContentType(authz.ContentType)
	ctx.Response.Header.Set(header.RequestID, requestID)
	ctx.Response.SetBodyRaw(authz.AppendProblem(nil, code, requestID))
}

func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// text is a string over the same memory.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
