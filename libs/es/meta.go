package es

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// Meta is who acts, and on whose account. It travels in the context into the
// envelope of every event that a command makes.
type Meta struct {
	Actor         string
	CorrelationID string
	CausationID   string
}

type metaKey struct{}

// WithMeta answers a context in which commands are accounted to m.
func WithMeta(ctx context.Context, m Meta) context.Context {
	return context.WithValue(ctx, metaKey{}, m)
}

// MetaFrom answers who acts in a context.
func MetaFrom(ctx context.Context) Meta {
	m, _ := ctx.Value(metaKey{}).(Meta)
	return m
}

// traceParent answers the W3C trace context of the span in ctx, if any.
func traceParent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}
