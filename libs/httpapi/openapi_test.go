package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil { //nolint:gosec // it is committed
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs: run the test with -update and look at the difference", path)
	}
}

func document(t *testing.T) []byte {
	t.Helper()
	server := httpapi.New(httpapi.Config{Service: "note", Version: "1.0.0"})
	(&sample{}).register(server)
	raw, err := server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

type documented struct {
	Ref     string `json:"$ref"`
	Content map[string]struct {
		Schema   map[string]any
		Examples map[string]struct{ Value httpapi.Problem }
	}
}

func TestTheDocumentSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	raw := document(t)
	golden(t, "openapi.json", raw)
	if !bytes.Equal(raw, document(t)) {
		t.Error("the document is not in a stable order")
	}
	var read struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Security    []map[string][]string
			Parameters  []struct{ Name, In string }
			RequestBody struct {
				Content map[string]struct{ Example any }
			}
			Responses map[string]documented
		}
		Components struct{ Responses map[string]documented }
	}
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(read.OpenAPI, "3.1.") {
		t.Errorf("openapi %q", read.OpenAPI)
	}
	for path, item := range read.Paths {
		for method, op := range item {
			if (path == "/v1/keep") != (len(op.Security) == 0) {
				t.Errorf("%s %s: security %v", method, path, op.Security)
			}
			for _, status := range []string{"422", "500", "503"} {
				response := op.Responses[status]
				if response.Ref != "" {
					response = read.Components.Responses[strings.TrimPrefix(response.Ref, "#/components/responses/")]
				}
				problems := response.Content["application/problem+json"]
				if len(problems.Examples) == 0 || problems.Schema["$ref"] != "#/components/schemas/Problem" {
					t.Errorf("%s %s: no problem answer %s", method, path, status)
				}
				for code, example := range problems.Examples {
					if example.Value.Code != code || example.Value.RequestID == "" {
						t.Errorf("%s %s: example %s: %+v", method, path, code, example.Value)
					}
				}
			}
		}
	}
	write := read.Paths["/v1/notes"]["post"]
	if write.Responses["409"].Content["application/problem+json"].Examples["title_taken"].Value.Status != 409 {
		t.Error("the refusals of an operation are not documented")
	}
	if write.RequestBody.Content["application/json"].Example == nil {
		t.Error("the example of a body is not documented")
	}
	names := map[string]bool{}
	for _, p := range read.Paths["/v1/notes/{id}"]["patch"].Parameters {
		names[p.In+" "+p.Name] = true
	}
	if !names["header If-Match"] || !names["header Prefer"] || !names["path id"] || names["header Idempotency-Key"] {
		t.Errorf("parameters %v", names)
	}
	if _, ok := read.Paths["/v1/notes/{id}"]["patch"].RequestBody.Content["application/merge-patch+json"]; !ok {
		t.Error("a PATCH takes a merge patch")
	}
}

func TestAnExampleThatItsSchemaRefusesIsAnError(t *testing.T) {
	t.Parallel()
	server := httpapi.New(httpapi.Config{Service: "note", Version: "1.0.0"})
	httpapi.Register(server, httpapi.Operation{
		ID: "write", Method: http.MethodPost, Path: "/v1/notes", Summary: "Write", Body: map[string]any{"titel": "x"},
	}, (&sample{}).write)
	if _, err := server.OpenAPI(); err == nil || !strings.Contains(err.Error(), "POST /v1/notes") {
		t.Errorf("error %v", err)
	}
}

func TestDocumentsAreMergedIntoOne(t *testing.T) {
	t.Parallel()
	red := `{"openapi":"3.1.0","info":{"title":"Tidegate red","version":"1"},"paths":{"/v1/red":{"get":{"operationId":"red","responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Outer"}}}}}}}},
		"components":{"schemas":{"Outer":{"properties":{"x":{"$ref":"#/components/schemas/Inner"}}},"Inner":{"type":"string"},"Same":{"type":"integer","maximum":9007199254740993}},"securitySchemes":{"bearer":{"type":"http"}}}}`
	blue := strings.NewReplacer("red", "blue", `"Inner":{"type":"string"}`, `"Inner":{"type":"number"}`).Replace(red)
	merged, err := httpapi.Merge([]byte(red), []byte(blue))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "merged.json", merged)
	other, err := httpapi.Merge([]byte(blue), []byte(red))
	if err != nil || !bytes.Equal(merged, other) {
		t.Errorf("the order of the documents matters; error %v", err)
	}
	alone, err := httpapi.Merge(document(t))
	if err != nil || !strings.Contains(string(alone), `"/v1/notes/{id}/history"`) {
		t.Errorf("error %v", err)
	}
	for name, docs := range map[string][]string{
		"an operation twice":       {red, strings.Replace(red, "Tidegate red", "Tidegate blue", 1)},
		"an operation id twice":    {red, strings.Replace(red, "/v1/red", "/v1/blue", 1)},
		"a path in two spellings":  {strings.ReplaceAll(red, "/v1/red", "/v1/{a}"), strings.ReplaceAll(blue, "/v1/blue", "/v1/{b}")},
		"another security scheme":  {red, strings.Replace(blue, `"type":"http"`, `"type":"oauth2"`, 1)},
		"something else":           {red, `{"swagger":"2.0"}`},
		"no JSON":                  {red, `{`},
		"a document without title": {red, `{"openapi":"3.1.0"}`},
	} {
		raw := make([][]byte, len(docs))
		for i, doc := range docs {
			raw[i] = []byte(doc)
		}
		if _, err := httpapi.Merge(raw...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
