package bus

import (
	"bytes"
	"context"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/libs/es"
)

const tracerName = "github.com/tidegate-io/tidegate/libs/bus"

var traceMember, dataMember = []byte(`,"traceparent":"`), []byte(`,"data":`)

// traceParent answers the trace context in an event's body without decoding all
// of it. Inside a JSON text a quote is escaped, so the member's name with its
// comma and quotes stands nowhere but at a member, and the envelope's own stands
// before its data.
func traceParent(body []byte) string {
	envelope, _, _ := bytes.Cut(body, dataMember)
	_, rest, found := bytes.Cut(envelope, traceMember)
	if !found {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(value)
}

// traced puts the trace of the command that made an event on its message. When
// the trace is sampled the relay has a span in it, which is then the parent of
// what readers do.
func (r *Relay) traced(ctx context.Context, m *nats.Msg, record es.Record) {
	parent := traceParent(record.Body)
	if parent == "" {
		return
	}
	format := propagation.TraceContext{}
	ctx = format.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		m.Header["traceparent"] = []string{parent}
		return
	}
	ctx, span := otel.Tracer(tracerName).Start(ctx, "relay "+record.Type, trace.WithSpanKind(trace.SpanKindProducer))
	defer span.End()
	carrier := propagation.MapCarrier{}
	format.Inject(ctx, carrier)
	for name, value := range carrier {
		m.Header[name] = []string{value}
	}
}
