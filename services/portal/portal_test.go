package portal_test

import (
	"context"
	"flag"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/portal"
	"github.com/tidegate-io/tidegate/services/portal/internal/api"
)

var update = flag.Bool("update", false, "write openapi.json")

// peer is a service that says where a call has come to.
func peer(name string) app.Service {
	return app.Service{Name: name, Routes: func(d app.Deps) error {
		httpapi.Register(d.API, httpapi.Operation{ID: name, Method: http.MethodGet, Path: "/v1/" + name, Summary: "Of " + name, Public: true},
			func(context.Context, *struct{}) (*struct{ Body string }, error) {
				return &struct{ Body string }{name}, nil
			})
		for _, prefix := range []string{"/v1", "/oauth2", "/login", "/.well-known"} {
			d.API.Fiber().Use(prefix, func(c *fiber.Ctx) error {
				return c.SendString(name + " " + c.Method() + " " + c.OriginalURL() + " " + string(c.Body()))
			})
		}
		return nil
	}}
}

func start(t *testing.T) *apptest.Harness {
	t.Helper()
	return apptest.Start(t, peer("consumer"), peer("credential"), peer("catalog"), peer("subscription"), portal.Service())
}

func TestCallsReachTheOwnerOfTheirPath(t *testing.T) {
	h := start(t)
	for path, want := range map[string]string{
		"/v1/consumers/a%2Fb?x=1": "consumer", "/v1/consumers/acme/credentials": "credential", "/v1/credentials/cred_1": "credential",
		"/v1/services": "catalog", "/v1/subscriptions/sub_1": "subscription", "/v1/approvals": "subscription", "/v1/operations/catalog/parked": "catalog",
		"/oauth2/token": "credential", "/login": "credential", "/v1/signing-keys/rotate": "credential",
		"/.well-known/jwks.json": "credential", "/.well-known/oauth-authorization-server": "credential",
	} {
		got := string(h.Anonymous().Put(path, "body").Want(http.StatusOK).Body)
		if got != want+" PUT "+path+" body" {
			t.Errorf("%s came to %q, want %s", path, got, want)
		}
	}
}

func TestAnUnknownPathIsAProblem(t *testing.T) {
	h := start(t)
	for _, path := range []string{"/v1/nowhere", "/v1", "/nowhere", "/v1/consumersandmore", "/loginx", "/.well-known/jwks.json.bak"} {
		h.Admin().Get(path).Refused(http.StatusNotFound, "not_found")
	}
}

func TestOneDocumentDescribesAllServices(t *testing.T) {
	h := start(t)
	document := h.Anonymous().Get("/openapi.json").Want(http.StatusOK)
	paths, _ := document.Value("paths").(map[string]any)
	for _, path := range []string{"/v1/consumer", "/v1/credential", "/v1/catalog", "/v1/subscription", "/v1/gateways"} {
		if paths[path] == nil {
			t.Errorf("the document lacks %s", path)
		}
	}
}

func TestTheIssuersKeysArePublic(t *testing.T) {
	h := start(t)
	if kid := h.Anonymous().Get("/.well-known/management-jwks.json").Want(http.StatusOK).Text("keys.0.kid"); kid == "" {
		t.Error("there is no key")
	}
}

func TestGateways(t *testing.T) {
	h := start(t)
	conn := h.Connect("gateway")
	go func() { _ = pulse(conn).Run(t.Context()) }()
	h.Eventually("the gateway is heard", func() bool { return h.Admin().Get("/v1/gateways").Text("items.0.id") == "gw_1" })

	list := h.Auditor().Get("/v1/gateways").Want(http.StatusOK)
	if list.Text("items.0.status") != "live" || list.Text("items.0.applied.TIDEGATE_CONSUMER") != "7" || list.Text("items.0.applied.TIDEGATE_MATERIAL") != "3" ||
		list.Text("items.0.version") != "v1" || list.Text("next_cursor") != "" {
		t.Errorf("the list is %s", list.Body)
	}
	if _, err := time.Parse(time.RFC3339, list.Text("items.0.last_seen")); err != nil {
		t.Error(err)
	}
	h.Admin().Get("/v1/gateways/gw_1").Want(http.StatusOK)
	h.Admin().Get("/v1/gateways/gw_2").Refused(http.StatusNotFound, "not_found")

	t.Run("they are shown to administrators and auditors alone", func(t *testing.T) {
		for _, caller := range []*apptest.Client{h.Developer("a"), h.Provider("a")} {
			caller.In(t).Get("/v1/gateways").Refused(http.StatusForbidden, "forbidden")
			caller.In(t).Get("/v1/gateways/gw_1").Refused(http.StatusForbidden, "forbidden")
			caller.In(t).Delete("/v1/gateways/gw_1").Refused(http.StatusForbidden, "forbidden")
		}
		h.Anonymous().In(t).Get("/v1/gateways").Refused(http.StatusUnauthorized, "unauthenticated")
		h.Auditor().In(t).Delete("/v1/gateways/gw_1").Refused(http.StatusForbidden, "forbidden")
	})

	t.Run("wrong paging is refused", func(t *testing.T) {
		for _, query := range []string{"limit=0", "limit=201", "limit=x", "cursor=nonsense", "colour=red"} {
			h.Admin().In(t).Get("/v1/gateways?"+query).Refused(http.StatusUnprocessableEntity, "validation_failed")
		}
	})

	t.Run("one that is heard cannot be removed", func(t *testing.T) {
		answer := h.Admin().In(t).Delete("/v1/gateways/gw_1").Refused(http.StatusConflict, "illegal_transition")
		if answer.Text("current_status") != "live" {
			t.Errorf("its status is said to be %q", answer.Text("current_status"))
		}
	})

	t.Run("one that fell silent is lost until it is removed", func(t *testing.T) {
		conn.Close() // as kill -9 does: without a goodbye
		h.Eventually("it is lost", func() bool { return h.Admin().In(t).Get("/v1/gateways/gw_1").Text("status") == "lost" })
		h.Admin().In(t).Delete("/v1/gateways/gw_1").Want(http.StatusNoContent)
		h.Admin().In(t).Get("/v1/gateways/gw_1").Refused(http.StatusNotFound, "not_found")
	})
}

// pulse is a gateway that is only heard.
func pulse(conn *bus.Conn) *bus.Pulse {
	return bus.NewPulse(conn, "gw_1", "v1", func() bus.GatewayState {
		return bus.GatewayState{Applied: map[string]es.Cursor{"consumer": {Position: 7}}, Material: 3}
	})
}

func TestTheDocumentIsWhatIsServed(t *testing.T) {
	httpapitest.Document(t, "portal", *update, func(server *httpapi.Server) error {
		api.Gateways(server, nil)
		return nil
	})
}
