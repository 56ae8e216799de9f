// Package portal is the single management address: it routes each call to the
// service that owns its path, merges their OpenAPI documents, and answers for
// the gateways itself.
//
// It keeps nothing and knows nothing: it can be stopped, started and multiplied
// at any moment.
package portal

import (
	"github.com/gofiber/fiber/v2"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/services/portal/internal/api"
	"github.com/tidegate-io/tidegate/services/portal/internal/route"
)

// managementKeysPath is where the built-in issuer's keys are: those of management
// tokens. What is at /.well-known/jwks.json verifies access tokens of consumers,
// which are never good here.
const managementKeysPath = "/.well-known/management-jwks.json"

// Service answers the portal.
func Service() app.Service {
	return app.Service{Name: "portal", Front: true, Routes: routes}
}

func routes(d app.Deps) error {
	peers, err := route.Peers(app.Owners(), d.Peers, d.Config.Peers)
	if err != nil {
		return err
	}
	api.Gateways(d.API, d.Fleet)
	document := api.NewDocument(d.API, peers, d.Log)
	d.API.Fiber().Get("/openapi.json", document.Serve)
	if d.Issuer != nil {
		d.API.Fiber().Get(managementKeysPath, func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderCacheControl, "public, max-age=60")
			c.Set(fiber.HeaderContentType, "application/jwk-set+json")
			return c.Send(d.Issuer.JWKS())
		})
	}
	d.API.Fiber().Use(func(c *fiber.Ctx) error {
		owner, owned := app.Owner(c.Path())
		if !owned {
			return c.Next()
		}
		return peers[owner].Forward(c.UserContext(), c.Context())
	})
	return nil
}
