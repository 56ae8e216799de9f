package httpapi

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

const scopeName = "github.com/tidegate-io/tidegate/libs/httpapi"

// instruments observe requests by OpenTelemetry's conventions for HTTP servers.
// The path goes into spans, never the query; metrics know the route alone, so
// that their number is bounded.
type instruments struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	active   metric.Int64UpDownCounter
}

// seconds are the buckets that the conventions recommend.
var seconds = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}

func newInstruments(cfg Config) *instruments {
	traces, metrics := cfg.Traces, cfg.Metrics
	if traces == nil {
		traces = otel.GetTracerProvider()
	}
	if metrics == nil {
		metrics = otel.GetMeterProvider()
	}
	meter := metrics.Meter(scopeName)
	// The names and units are right, so the errors are nil.
	duration, _ := meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP server requests."), metric.WithExplicitBucketBoundaries(seconds...))
	active, _ := meter.Int64UpDownCounter("http.server.active_requests", metric.WithUnit("{request}"),
		metric.WithDescription("Number of active HTTP server requests."))
	return &instruments{tracer: traces.Tracer(scopeName), duration: duration, active: active}
}

// observation is one request that is being observed.
type observation struct {
	span trace.Span
	base metric.MeasurementOption
}

func (i *instruments) start(c *fiber.Ctx) *observation {
	ctx := c.UserContext()
	if !trace.SpanContextFromContext(ctx).IsValid() { // else another server of this process began it
		ctx = propagation.TraceContext{}.Extract(ctx, carrier{c})
	}
	method, scheme := semconv.HTTPRequestMethodKey.String(c.Method()), semconv.URLScheme(c.Protocol())
	ctx, span := i.tracer.Start(ctx, c.Method(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		method, scheme, semconv.URLPath(c.Path()), semconv.ClientAddress(c.IP()),
		semconv.UserAgentOriginal(c.Get(fiber.HeaderUserAgent))))
	c.SetUserContext(ctx)
	base := metric.WithAttributeSet(attribute.NewSet(method, scheme))
	i.active.Add(ctx, 1, base)
	return &observation{span: span, base: base}
}

func (i *instruments) end(c *fiber.Ctx, o *observation, route string, took time.Duration) {
	status := c.Response().StatusCode()
	attributes := []attribute.KeyValue{semconv.HTTPResponseStatusCode(status)}
	if route != "" {
		o.span.SetName(c.Method() + " " + route)
		attributes = append(attributes, semconv.HTTPRoute(route))
	}
	if status >= fiber.StatusInternalServerError {
		attributes = append(attributes, semconv.ErrorTypeKey.Int(status))
		o.span.SetStatus(codes.Error, "")
	}
	o.span.SetAttributes(attributes...)
	o.span.End()
	ctx := c.UserContext()
	i.active.Add(ctx, -1, o.base)
	i.duration.Record(ctx, took.Seconds(), o.base, metric.WithAttributes(attributes...))
}

// carrier reads the headers of a request for a propagator.
type carrier struct{ c *fiber.Ctx }

func (h carrier) Get(key string) string { return h.c.Get(key) }
func (h carrier) Set(string, string)    {}
func (h carrier) Keys() []string        { return nil }
