package consumer_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/consumer"
)

var update = flag.Bool("update", false, "write openapi.json")

func TestTheDocumentIsWhatIsServed(t *testing.T) {
	server := httpapi.New(httpapi.Config{Service: "consumer", Version: "1"})
	if err := consumer.Service().Routes(app.Deps{API: server}); err != nil {
		t.Fatal(err)
	}
	document, err := server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
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
