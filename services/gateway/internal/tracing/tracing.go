// Package tracing makes spans of calls: one for the call as the gateway serves it
// and one for each time that it is sent upstream. It continues the client's trace
// (W3C Trace Context) and has upstream continue the gateway's.
//
// A span tells of method, route, canonical path, host, service, consumer and what
// came of it; never of a query, a header, a body or a credential.
//
// A nil *Tracer traces nothing: the client's trace headers then go upstream as
// they came.
package tracing

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
)

// Tracer begins spans.
type Tracer struct{ tracer trace.Tracer }

// New makes a tracer. Whether a call is sampled is the provider's to decide.
func New(provider trace.TracerProvider) *Tracer {
	return &Tracer{provider.Tracer("github.com/tidegate-io/tidegate/services/gateway")}
}

// Call is the spans of one call. Its zero value is a call that is not traced.
type Call struct {
	ctx    context.Context //nolint:containedctx // the parent of spans to come, for as long as the call lasts
	server trace.Span
	client trace.Span // of the try that is going on; nil: none
	tries  int
}

// Begin begins the span of a call that came at a time. Nothing is known of it but
// its headers.
func (t *Tracer) Begin(c *Call, fields []header.Field, at time.Time) {
	if t == nil {
		return
	}
	parent := w3c.Extract(context.Background(), carrier(fields))
	c.ctx, c.server = t.tracer.Start(parent, "HTTP", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(at))
}

// On says that the call is traced, sampled or not: its trace headers are ours.
func (c *Call) On() bool { return c.server != nil }

// TraceID answers the id of the call's trace; empty: it has none. A call that is
// not traced may still have its client's.
func (c *Call) TraceID(fields []header.Field) string {
	if c.server != nil {
		return c.server.SpanContext().TraceID().String()
	}
	if id := trace.SpanContextFromContext(w3c.Extract(context.Background(), carrier(fields))).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// IsParent says whether a header carries a trace: of a call that is traced, it is
// ours to send.
func IsParent(f header.Field) bool { return f.Is("Traceparent") || f.Is("Tracestate") }

// AppendHeaders writes the header lines by which upstream continues the trace.
func (c *Call) AppendHeaders(b []byte) []byte {
	if c.server == nil {
		return b
	}
	span := c.server
	if c.client != nil {
		span = c.client
	}
	lines := appender{b}
	w3c.Inject(trace.ContextWithSpanContext(context.Background(), span.SpanContext()), &lines)
	return lines.to
}

var w3c = propagation.TraceContext{}

// carrier reads the trace headers of a request. What it answers is copied: the
// server uses the memory again.
type carrier []header.Field

// Get answers nothing for a header that must be there once and is not.
func (c carrier) Get(name string) string {
	value, count := "", 0
	for _, f := range c {
		if !f.Is(name) {
			continue
		}
		if count++; count > 1 {
			if name == "traceparent" {
				return ""
			}
			value += ","
		}
		value += f.Value
	}
	return strings.Clone(value)
}

// Set is for the other direction.
func (carrier) Set(string, string) {}

// Keys answers those that can be asked for.
func (carrier) Keys() []string { return w3c.Fields() }

// appender writes header lines.
type appender struct{ to []byte }

// Get is for the other direction.
func (*appender) Get(string) string { return "" }

// Keys is for the other direction.
func (*appender) Keys() []string { return nil }

// Set writes a line.
func (a *appender) Set(name, value string) {
	for _, part := range [...]string{name, ": ", value, "\r\n"} {
		a.to = append(a.to, part...)
	}
}

var (
	_ propagation.TextMapCarrier = carrier(nil)
	_ propagation.TextMapCarrier = (*appender)(nil)
)
