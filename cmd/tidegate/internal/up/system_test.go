package up_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
)

func TestOneTraceLeadsFromTheCommandToTheGateway(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	h := apptest.StartWith(t, apptest.Config{Services: up.Services(), Spans: spans})
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	h.Admin().Post("/v1/consumers", map[string]any{"id": "acme", "name": "Acme"}, "traceparent: 00-"+trace+"-00f067aa0ba902b7-01", "Prefer: wait=5").
		Want(http.StatusCreated)

	names := func() (found []string) {
		for _, span := range spans.GetSpans() {
			if span.SpanContext.TraceID().String() == trace {
				found = append(found, span.Name)
			}
		}
		return found
	}
	for _, want := range []string{"POST /v1/consumers", "relay consumer.registered", "apply consumer"} {
		h.Eventually("the trace has the span "+want, func() bool { return slices.Contains(names(), want) })
	}
}

func TestEveryOperationBelongsToTheServiceThatItsPathLeadsTo(t *testing.T) {
	h := apptest.Start(t, up.Services()...)
	whole := paths(t, h.Anonymous().Get("/openapi.json").Want(http.StatusOK).Body)
	for _, service := range up.Services() {
		if !slices.Contains(app.Owners(), service.Name) {
			continue
		}
		alone := apptest.Start(t, service)
		for _, path := range paths(t, alone.Anonymous().Get("/openapi.json").Want(http.StatusOK).Body) {
			if owner, _ := app.Owner(path); owner != service.Name {
				t.Errorf("%s is served by %s, and the portal routes it to %q", path, service.Name, owner)
			}
			if !slices.Contains(whole, path) {
				t.Errorf("the merged document lacks %s", path)
			}
		}
	}
	for _, path := range []string{"/v1/consumers", "/v1/consumers/{id}/credentials", "/v1/services", "/v1/subscriptions", "/v1/approvals", "/v1/gateways"} {
		if !slices.Contains(whole, path) {
			t.Errorf("the merged document lacks %s", path)
		}
	}
}

func paths(t *testing.T, document []byte) []string {
	t.Helper()
	var decoded struct {
		OpenAPI string                     `json:"openapi"`
		Paths   map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(document, &decoded); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(decoded.OpenAPI, "3.1") {
		t.Errorf("it is OpenAPI %s", decoded.OpenAPI)
	}
	var all []string
	for path := range decoded.Paths {
		all = append(all, path)
	}
	return all
}
