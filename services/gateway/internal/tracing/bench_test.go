package tracing_test

import (
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/tracing"
)

var fields = []header.Field{{Name: "Host", Value: "h"}, {Name: "X-API-Key", Value: "k"}, {Name: "Accept", Value: "*/*"}}

// spans does what the proxy does for a call.
func spans(t *tracing.Tracer, c *tracing.Call, head []byte, at time.Time) []byte {
	t.Begin(c, fields, at)
	c.Try(t, "GET", "127.0.0.1:80")
	head = c.AppendHeaders(head)
	c.Tried(200, "")
	if c.On() {
		c.Answered(tracing.Outcome{Method: "GET", Host: "h", Path: "/pets", Route: "/pets", Service: "pets", Status: 200})
	}
	c.End()
	return head
}

func TestWithoutATracerACallCostsNothing(t *testing.T) {
	var c tracing.Call
	at := time.Now()
	if n := testing.AllocsPerRun(1000, func() { spans(nil, &c, nil, at) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if c.On() || len(spans(nil, &c, nil, at)) != 0 {
		t.Error("it is traced")
	}
}

func BenchmarkSpans(b *testing.B) {
	at, head := time.Now(), make([]byte, 0, 1024)
	for _, kind := range []struct {
		name   string
		tracer *tracing.Tracer
	}{
		{"off", nil},
		{"not sampled", tracing.New(sdk.NewTracerProvider(sdk.WithSampler(sdk.ParentBased(sdk.NeverSample()))))},
		{"sampled", tracing.New(sdk.NewTracerProvider(sdk.WithSampler(sdk.AlwaysSample())))},
	} {
		b.Run(kind.name, func(b *testing.B) {
			var c tracing.Call
			b.ReportAllocs()
			for b.Loop() {
				spans(kind.tracer, &c, head[:0], at)
			}
		})
	}
}
