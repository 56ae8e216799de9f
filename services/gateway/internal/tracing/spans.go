package tracing

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Outcome is what a call's span tells. Its texts may be memory of the call: they
// are copied.
type Outcome struct {
	Method, Host, Path string // the path is canonical
	Address            string // the client's
	Route              string // the route's prefix
	Service, Consumer  string
	RequestID          string
	Code               string // why it was refused; empty: it was not
	Status             int
}

// methods are those whose names are told (HTTP semantic conventions); any other
// could be anything.
var methods = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true, "CONNECT": true, "TRACE": true, "QUERY": true,
}

func method(name string) string {
	if methods[name] {
		return strings.Clone(name)
	}
	return "_OTHER"
}

// Answered tells the call's span what came of it. It goes on until End.
func (c *Call) Answered(o Outcome) {
	if c.server == nil || !c.server.IsRecording() {
		return
	}
	m := method(o.Method)
	name := m
	if m == "_OTHER" {
		name = "HTTP"
	}
	if o.Route != "" {
		name += " " + o.Route
	}
	c.server.SetName(name)
	attributes := make([]attribute.KeyValue, 0, 12)
	attributes = append(attributes, attribute.String("http.request.method", m), attribute.String("url.scheme", "http"),
		attribute.Int("http.response.status_code", o.Status), attribute.String("tidegate.request_id", o.RequestID))
	for _, a := range [...]struct{ key, value string }{
		{"server.address", o.Host}, {"url.path", o.Path}, {"http.route", o.Route}, {"client.address", o.Address},
		{"tidegate.service", o.Service}, {"tidegate.consumer", o.Consumer}, {"tidegate.code", o.Code},
	} {
		if a.value != "" {
			attributes = append(attributes, attribute.String(a.key, strings.Clone(a.value)))
		}
	}
	if o.Status >= 500 {
		c.server.SetStatus(codes.Error, "")
		reason := o.Code
		if reason == "" {
			reason = strconv.Itoa(o.Status)
		}
		attributes = append(attributes, attribute.String("error.type", reason))
	}
	c.server.SetAttributes(attributes...)
}

// Broken notes that the answer did not become whole.
func (c *Call) Broken(by string) {
	if c.server == nil || !c.server.IsRecording() {
		return
	}
	c.server.SetStatus(codes.Error, "")
	c.server.SetAttributes(attribute.String("error.type", "broken_by_"+by))
}

// Try begins the span of one time that the call is sent upstream. address is as
// configured: "host:port".
func (c *Call) Try(tracer *Tracer, name, address string) {
	if c.server == nil || !c.server.IsRecording() {
		return
	}
	m := method(name)
	host, port := address, 0
	if colon := strings.LastIndexByte(address, ':'); colon >= 0 {
		host = strings.Trim(address[:colon], "[]")
		port, _ = strconv.Atoi(address[colon+1:])
	}
	attributes := []attribute.KeyValue{
		attribute.String("http.request.method", m), attribute.String("server.address", host), attribute.Int("server.port", port),
	}
	if c.tries > 0 {
		attributes = append(attributes, attribute.Int("http.request.resend_count", c.tries))
	}
	c.tries++
	spanName := m
	if m == "_OTHER" {
		spanName = "HTTP"
	}
	_, c.client = tracer.tracer.Start(c.ctx, spanName, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
}

// Tried ends a try: with the status of its answer, or without any because of a
// fault, which is told by its kind alone.
func (c *Call) Tried(status int, fault string) {
	if c.client == nil {
		return
	}
	switch {
	case fault != "":
		c.client.SetStatus(codes.Error, "")
		c.client.SetAttributes(attribute.String("error.type", fault))
	case status >= 400:
		c.client.SetStatus(codes.Error, "")
		c.client.SetAttributes(attribute.Int("http.response.status_code", status), attribute.String("error.type", strconv.Itoa(status)))
	default:
		c.client.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	c.client.End()
	c.client = nil
}

// End ends the call's span, and makes the call fit for another one.
func (c *Call) End() {
	if c.server != nil {
		c.server.End()
		*c = Call{}
	}
}
