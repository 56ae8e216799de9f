package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/libs/telemetry"
)

func start(t *testing.T, cfg telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	started, err := telemetry.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return started
}

func TestALogRecordCarriesTheTraceThatItBelongsTo(t *testing.T) {
	var output bytes.Buffer
	telemetered := start(t, telemetry.Config{Service: "consumer", Output: &output, Format: "json"})

	ctx, span := otel.Tracer("test").Start(t.Context(), "command")
	telemetered.Log.With("service", "consumer").InfoContext(ctx, "appended")
	span.End()

	var record map[string]any
	if err := json.Unmarshal(output.Bytes(), &record); err != nil {
		t.Fatalf("not one JSON record: %v in %q", err, output.String())
	}
	if record["trace_id"] != span.SpanContext().TraceID().String() || record["service"] != "consumer" {
		t.Errorf("the record is %v, want the trace %s", record, span.SpanContext().TraceID())
	}
}

func TestRecordsBelowTheLevelAreNotWritten(t *testing.T) {
	var output bytes.Buffer
	telemetered := start(t, telemetry.Config{Service: "consumer", Output: &output, Level: slog.LevelWarn})
	telemetered.Log.Info("quiet")
	telemetered.Log.Warn("loud")
	if strings.Contains(output.String(), "quiet") || !strings.Contains(output.String(), "loud") {
		t.Errorf("at level warn the output is %q", output.String())
	}
}

func TestATraceHasIdsButIsNotRecordedWithoutACollector(t *testing.T) {
	start(t, telemetry.Config{Service: "consumer", Output: io.Discard})
	_, span := otel.Tracer("test").Start(t.Context(), "command")
	if !span.SpanContext().HasTraceID() {
		t.Error("a span without a collector has no trace id")
	}
	if span.IsRecording() {
		t.Error("a span that nobody reads is recorded")
	}
}

func TestATraceGoesOnBehindMessageHeaders(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	start(t, telemetry.Config{Service: "consumer", Output: io.Discard, Spans: spans})

	sent, command := otel.Tracer("test").Start(t.Context(), "command")
	header := telemetry.Inject(sent)
	_, apply := otel.Tracer("test").Start(telemetry.Extract(t.Context(), header), "apply")
	apply.End()
	command.End()

	stubs := spans.GetSpans()
	if len(stubs) != 2 || stubs[0].SpanContext.TraceID() != stubs[1].SpanContext.TraceID() {
		t.Fatalf("want two spans of one trace, got %v", stubs)
	}
	if stubs[0].Parent.SpanID() != command.SpanContext().SpanID() {
		t.Error("the reader's span is not a child of the sender's")
	}
	continued := trace.SpanContextFromContext(telemetry.Continue(t.Context(), header["traceparent"]))
	if continued.TraceID() != command.SpanContext().TraceID() {
		t.Error("an event's traceparent does not lead back to its command")
	}
}

func TestANonsenseTraceparentIsIgnored(t *testing.T) {
	for _, header := range []map[string]string{nil, {"traceparent": "nonsense"}, {"traceparent": "00-0-0-00"}} {
		if span := trace.SpanContextFromContext(telemetry.Extract(t.Context(), header)); span.IsValid() {
			t.Errorf("%v was taken for a trace", header)
		}
	}
	if header := telemetry.Inject(t.Context()); header != nil {
		t.Errorf("without a trace the headers are %v, want none", header)
	}
}

func TestMetricsMadeThroughOpenTelemetryAreThereForPrometheus(t *testing.T) {
	telemetered := start(t, telemetry.Config{Service: "consumer", Output: io.Discard})
	counter, err := otel.Meter("test").Int64Counter("tidegate.commands")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 3)

	answer := httptest.NewRecorder()
	telemetered.Metrics().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{"tidegate_commands_total", "go_goroutines", "process_open_fds"} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
}
