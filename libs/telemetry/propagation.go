package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// w3c is the only form in which a trace crosses NATS: the traceparent and
// tracestate headers of W3C Trace Context.
var w3c = propagation.TraceContext{}

// Inject answers the headers by which a message carries the trace of ctx. Nil
// when there is none.
func Inject(ctx context.Context) map[string]string {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	if len(carrier) == 0 {
		return nil
	}
	return carrier
}

// Extract answers a context in which spans continue the trace of a message. A
// missing or malformed header leaves ctx as it is.
func Extract(ctx context.Context, header map[string]string) context.Context {
	return w3c.Extract(ctx, propagation.MapCarrier(header))
}

// Continue is Extract for an event, which keeps the trace of its command as
// one string.
func Continue(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return Extract(ctx, map[string]string{"traceparent": traceparent})
}
