package httpapi

import (
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
)

// This file alone imports humafiber: from huma 2.38 on its New means Fiber v3.

// shapeHuma sets what huma keeps in package variables, once: field names are
// compared exactly, lists are never null, and its own refusals are Problems.
var shapeHuma = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return invalid("", status, message, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		return invalid(RequestID(ctx.Context()), status, message, errs)
	}
})

// newEngine makes huma's side of a server: no documentation page (it loads
// from a CDN), no $schema links, no routes of its own.
func newEngine(app *fiber.App, cfg Config) huma.API {
	shapeHuma()
	config := huma.DefaultConfig("Tidegate "+cfg.Service, cfg.Version)
	config.DocsPath, config.SchemasPath, config.OpenAPIPath = "", "", ""
	config.CreateHooks = nil
	config.RejectUnknownQueryParameters = true
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{bearer: {
		Type: "http", Scheme: "bearer", BearerFormat: "JWT",
		Description: "Claims: sub, roles (admin, provider, developer, auditor), teams.",
	}}
	return humafiber.New(app, config)
}

// fiberOf answers the Fiber context under a huma one.
func fiberOf(ctx huma.Context) *fiber.Ctx { return humafiber.Unwrap(ctx) }
