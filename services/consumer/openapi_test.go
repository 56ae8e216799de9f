package consumer_test

import (
	"flag"
	"testing"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/consumer"
)

var update = flag.Bool("update", false, "write openapi.json")

func TestTheDocumentIsWhatIsServed(t *testing.T) {
	httpapitest.Document(t, "consumer", *update, func(server *httpapi.Server) error {
		return consumer.Service().Routes(app.Deps{API: server})
	})
}
