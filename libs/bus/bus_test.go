package bus

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

func TestContextOfAnEventType(t *testing.T) {
	for eventType, want := range map[string]string{
		"consumer.deleted": "consumer", "service.retired": "catalog", "subscription.approved": "subscription",
		"credential.revoked": "credential", "catalog.retired": "", "nobody.came": "",
	} {
		if got := ContextOf(eventType); got != want {
			t.Errorf("%s: %q, want %q", eventType, got, want)
		}
	}
}

func TestTheTraceOfAnEventIsFoundInItsEnvelopeAlone(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	body := func(trace, actor, data string) []byte {
		raw, err := events.Encode(events.Envelope{
			ID: "1", Type: "consumer.registered", Schema: 1, Stream: "consumer-c", Actor: actor, TraceParent: trace, Data: json.RawMessage(data),
		})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for name, test := range map[string]struct {
		body []byte
		want string
	}{
		"there":                {body(parent, "alice", `{}`), parent},
		"not there":            {body("", "alice", `{}`), ""},
		"in the data":          {body("", "alice", `{"a":1,"traceparent":"x"}`), ""},
		"in a text":            {body("", `,"traceparent":"x"`, `{}`), ""},
		"data in a text":       {body(parent, `,"data":`, `{}`), parent},
		"before and in data":   {body(parent, "alice", `{"a":1,"traceparent":"x"}`), parent},
		"what is not an event": {[]byte("{"), ""},
	} {
		if got := traceParent(test.body); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestOneTraceLeadsFromTheCommandThroughTheRelayToTheReader(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })

	const command = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	body, err := events.Encode(events.Envelope{ID: "1", Type: "consumer.registered", Schema: 1, Stream: "consumer-c", TraceParent: command, Data: json.RawMessage("{}")})
	if err != nil {
		t.Fatal(err)
	}
	m := &nats.Msg{Header: nats.Header{}}
	(&Relay{}).traced(t.Context(), m, es.Record{Type: "consumer.registered", Body: body})
	read := Message{Header: map[string]string{"traceparent": m.Header["traceparent"][0]}}
	reader := trace.SpanContextFromContext(read.Trace(t.Context()))
	got := spans.GetSpans()
	if len(got) != 1 || got[0].Parent.SpanID().String() != "b7ad6b7169203331" || got[0].SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Fatalf("the relay's span: %+v", got)
	}
	if reader.SpanID() != got[0].SpanContext.SpanID() || reader.TraceID() != got[0].SpanContext.TraceID() {
		t.Fatalf("the reader is in %s of %s", reader.SpanID(), reader.TraceID())
	}
}

func TestConnectFailsForWrongSettingsAlone(t *testing.T) {
	if _, err := Connect(t.Context(), Config{}); err == nil {
		t.Error("no address")
	}
	if _, err := Connect(t.Context(), Config{URL: "nats://bad host:x"}); err == nil {
		t.Error("a bad address")
	}
	began := time.Now()
	c, err := Connect(t.Context(), Config{URL: "nats://127.0.0.1:1,nats://127.0.0.1:2"})
	if err != nil || c.Connected() || time.Since(began) > time.Second {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
	t.Cleanup(c.Close)
	if _, missing := c.Heads(t.Context(), "consumer", "catalog"); len(missing) != 2 {
		t.Errorf("missing: %v", missing)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.awaitConnection(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestUsersInboxesAndTokensAreTheirOwn(t *testing.T) {
	if got := inboxPrefix(userOf("nats://credential:pw@a:4222,nats://x:y@b")); got != "_INBOX_credential" {
		t.Error(got)
	}
	if got := inboxPrefix(userOf("nats://a:4222")); got != "_INBOX_tidegate" {
		t.Error(got)
	}
	if token("gw-1_A") != "gw-1_A" || strings.ContainsAny(token("gw.1 *>"), ".*> ") || token("a.b") == token("a.c") {
		t.Error(token("gw.1 *>"))
	}
}
