// Package admin is the gateway's second address: health, metrics, the
// projection's state, and the decision for other proxies.
//
// It has no authentication of its own: it is for the inside of a network.
package admin

import (
	"bytes"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
	"github.com/tidegate-io/tidegate/services/gateway/internal/proxy"
)

// Config is what the address serves.
type Config struct {
	Decider    *authz.Decider
	Projection *projection.Projection
	Clock      func() time.Time
	Observe    func(proxy.Observation)
}

// New makes the address. Health and metrics are mounted by the caller.
func New(cfg Config) *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true,
		CaseSensitive:         true,
		StrictRouting:         true,
		Immutable:             true,
		ReadBufferSize:        64 << 10, // a proxy hands all of its client's headers on
		ReadTimeout:           15 * time.Second,
		WriteTimeout:          15 * time.Second,
		IdleTimeout:           75 * time.Second,
	})
	app.Get("/debug/projection", func(c *fiber.Ctx) error { return c.JSON(cfg.Projection.Report()) })
	app.All("/authz", cfg.authorize)
	return app
}

// authorize decides about the call that another proxy describes: NGINX
// auth_request, Traefik ForwardAuth, Caddy forward_auth. It answers 200 with the
// identity headers, or the refusal as the data path would, whose code is also in
// Tidegate-Code, for those who read no bodies.
func (cfg Config) authorize(c *fiber.Ctx) error {
	began, now := time.Now(), cfg.Clock()
	requestID := events.NewID(now)
	call := authz.Call{At: now}
	var decided time.Duration
	fields, err := header.Parse(nil, bytes.Clone(c.Request().Header.RawHeaders()))
	if err != nil {
		call.Code = authz.MalformedRequest
	} else if !describe(&call, fields, c) {
		call.Code = authz.MalformedRequest
	} else {
		deciding := time.Now()
		cfg.Decider.Decide(&call)
		decided = time.Since(deciding)
	}
	add := func(name, value string) { c.Response().Header.Add(name, value) }
	add(header.RequestID, requestID)
	call.AnswerHeaders(add)
	if call.Code == access.Allowed {
		call.IdentityHeaders(add)
		c.Status(fiber.StatusOK)
	} else {
		call.RefusalHeaders(add)
		add("Tidegate-Code", string(call.Code))
		c.Set(fiber.HeaderContentType, authz.ContentType)
		c.Status(authz.Status(call.Code)).Response().SetBody(authz.AppendProblem(nil, call.Code, requestID))
	}
	o := proxy.Observation{Code: call.Code, Status: authz.Status(call.Code), Took: time.Since(began), Deciding: decided}
	if call.Service != nil {
		o.Service = call.Service.ID
	}
	cfg.Observe(o)
	return nil
}
