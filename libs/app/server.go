package app

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// drainRequest is how long calls in flight may take once a process ends.
const drainRequest = 6 * time.Second

// serveUntil serves until ctx ends, then answers the calls in flight. What
// waits for the gateways (Prefer: wait) is answered at once: its command stands.
func serveUntil(ctx context.Context, api *httpapi.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- api.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return drain(api)
}

// drainWith is serveUntil for a service that another one fronts.
func drainWith(ctx context.Context, api *httpapi.Server) error {
	<-ctx.Done()
	return drain(api)
}

func drain(api *httpapi.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainRequest)
	defer cancel()
	return api.Shutdown(ctx)
}

// mountDocument adds the service's own OpenAPI document, of which the portal
// merges the whole one.
func mountDocument(api *httpapi.Server) {
	document := sync.OnceValues(api.OpenAPI)
	api.Fiber().Get("/openapi.json", func(c *fiber.Ctx) error {
		content, err := document()
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, "application/openapi+json")
		return c.Send(content)
	})
}
