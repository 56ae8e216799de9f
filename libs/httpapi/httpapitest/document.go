package httpapitest

import (
	"bytes"
	"os"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// Document holds openapi.json, in the test's folder, to what a server with the
// given routes serves. With update it writes the file first.
func Document(t *testing.T, service string, update bool, routes func(*httpapi.Server) error) {
	t.Helper()
	server := httpapi.New(httpapi.Config{Service: service, Version: "1"})
	if err := routes(server); err != nil {
		t.Fatal(err)
	}
	document, err := server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if update {
		if err := os.WriteFile("openapi.json", document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(document, golden) {
		t.Error("openapi.json is not what is served: run the test with -update and look at the difference")
	}
}
