package subscription_test

import (
	"flag"
	"testing"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/subscription"
)

var update = flag.Bool("update", false, "write openapi.json")

func TestTheDocumentIsWhatIsServed(t *testing.T) {
	httpapitest.Document(t, "subscription", *update, func(server *httpapi.Server) error {
		return subscription.Service().Routes(app.Deps{API: server, Subscriber: &bus.Subscriber{}})
	})
}
