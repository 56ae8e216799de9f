// Package telemetry gives a process its logs, traces and metrics.
//
//   - Logs go to standard error by level, as text for people or JSON for
//     machines, and carry the ids of the trace that they belong to.
//   - Traces and metrics go out over OTLP when the standard variable
//     OTEL_EXPORTER_OTLP_ENDPOINT names a collector. Without one nothing is
//     recorded, but every command still has a trace id, so that logs, events
//     and problem answers can be brought together.
//   - Metrics are also there for Prometheus, always, in a registry of the
//     process's own.
//
// It does not promise that a span or a metric arrives: a collector that is
// down costs neither memory without bound nor a request.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// Config says what a process calls itself and where its telemetry goes.
type Config struct {
	Service string     // service.name, such as "consumer"
	Version string     // service.version
	Level   slog.Level // the least level that is logged
	Format  string     // "json", "text" or empty: text on a terminal, else JSON
	Output  io.Writer  // of logs; nil: standard error
	// Spans receives every span as well, as soon as it ends. Tests read traces
	// back with it.
	Spans trace.SpanExporter
}

// Telemetry is what one process reports through.
type Telemetry struct {
	Log      *slog.Logger
	Registry *prometheus.Registry
	tracing  bool
	shutdown []func(context.Context) error
}

// EndpointVariable is the standard variable that turns OTLP on. The exporters
// read it, and its relatives for headers, certificates and single signals, by
// themselves.
const EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"

// Start makes the providers and installs them as OpenTelemetry's own defaults,
// so that libraries which only know its API report through them. It does not
// wait for a collector.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	output := cfg.Output
	if output == nil {
		output = os.Stderr
	}
	t := &Telemetry{
		Log:      newLogger(output, cfg.Level, cfg.Format),
		Registry: prometheus.NewRegistry(),
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version)),
		resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("describe the process for telemetry (see OTEL_RESOURCE_ATTRIBUTES): %w", err)
	}
	if err := t.startTraces(ctx, cfg, about); err != nil {
		return nil, err
	}
	if err := t.startMetrics(ctx, about); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	log := t.Log
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("telemetry is not delivered", "error", err) }))
	return t, nil
}

func (t *Telemetry) startTraces(ctx context.Context, cfg Config, about *resource.Resource) error {
	options := []trace.TracerProviderOption{trace.WithResource(about)}
	exported := os.Getenv(EndpointVariable) != ""
	if exported {
		exporter, err := otlptracehttp.New(ctx)
		if err != nil {
			return fmt.Errorf("export traces over OTLP: %w", err)
		}
		options = append(options, trace.WithBatcher(exporter))
	}
	if cfg.Spans != nil {
		options = append(options, trace.WithSyncer(cfg.Spans))
	}
	if !exported && cfg.Spans == nil {
		options = append(options, trace.WithSampler(trace.NeverSample())) // ids only
	}
	t.tracing = exported || cfg.Spans != nil
	provider := trace.NewTracerProvider(options...)
	t.shutdown = append(t.shutdown, provider.Shutdown)
	otel.SetTracerProvider(provider)
	return nil
}

func (t *Telemetry) startMetrics(ctx context.Context, about *resource.Resource) error {
	t.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	scraped, err := otelprometheus.New(otelprometheus.WithRegisterer(t.Registry))
	if err != nil {
		return fmt.Errorf("export metrics for Prometheus: %w", err)
	}
	options := []metric.Option{metric.WithResource(about), metric.WithReader(scraped)}
	if os.Getenv(EndpointVariable) != "" {
		exporter, err := otlpmetrichttp.New(ctx)
		if err != nil {
			return fmt.Errorf("export metrics over OTLP: %w", err)
		}
		options = append(options, metric.WithReader(metric.NewPeriodicReader(exporter)))
	}
	provider := metric.NewMeterProvider(options...)
	t.shutdown = append(t.shutdown, provider.Shutdown)
	otel.SetMeterProvider(provider)
	return nil
}

// Tracing says whether anybody is told of spans. Without, whoever makes very many
// of them need not.
func (t *Telemetry) Tracing() bool { return t.tracing }

// Metrics answers the page that Prometheus reads.
func (t *Telemetry) Metrics() http.Handler {
	return promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Shutdown sends what is still waiting, for as long as ctx allows.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var faults []error
	for _, stop := range t.shutdown {
		faults = append(faults, stop(ctx))
	}
	t.shutdown = nil
	return errors.Join(faults...)
}
