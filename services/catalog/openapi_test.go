package catalog_test

import (
	"flag"
	"testing"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/catalog"
)

var update = flag.Bool("update", false, "write openapi.json")

func TestTheDocumentIsWhatIsServed(t *testing.T) {
	httpapitest.Document(t, "catalog", *update, func(server *httpapi.Server) error {
		return catalog.Service().Routes(app.Deps{API: server})
	})
}
