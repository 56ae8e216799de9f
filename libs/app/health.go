package app

import (
	"context"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp/fasthttpadaptor"
)

// Check answers nil, or why something is not as it should be. It is asked often
// and must not wait for long.
type Check func(context.Context) error

// Health is what /livez and /readyz tell of a process.
//
// A check that is required makes the process unready when it fails; one that is
// watched is told of and changes nothing: with the bus down commands are still
// accepted, so the bus is only watched.
type Health struct {
	mu       sync.Mutex
	required map[string]Check
	watched  map[string]Check
	draining atomic.Bool
}

func newHealth() *Health {
	return &Health{required: map[string]Check{}, watched: map[string]Check{}}
}

// Require adds a check without which the process is not ready.
func (h *Health) Require(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.required[name] = check
}

// Watch adds a check whose failure is only told.
func (h *Health) Watch(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watched[name] = check
}

// Report is the answer of /readyz, and of /livez.
type Report struct {
	Status string            `json:"status"` // ready, not ready, draining; alive
	Failed map[string]string `json:"failed,omitempty"`
	// Impaired is what does not work and does not matter for readiness.
	Impaired map[string]string `json:"impaired,omitempty"`
}

// checkTime bounds all checks of one answer together.
const checkTime = 2 * time.Second

// Ready answers whether the process can do its work, and why not.
func (h *Health) Ready(ctx context.Context) (Report, bool) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	h.mu.Lock()
	required, watched := maps.Clone(h.required), maps.Clone(h.watched)
	h.mu.Unlock()

	report := Report{Status: "ready", Failed: run(ctx, required), Impaired: run(ctx, watched)}
	switch {
	case h.draining.Load():
		report.Status = "draining"
	case len(report.Failed) > 0:
		report.Status = "not ready"
	}
	return report, report.Status == "ready"
}

func run(ctx context.Context, checks map[string]Check) map[string]string {
	failed := map[string]string{}
	for name, check := range checks {
		if err := check(ctx); err != nil {
			failed[name] = err.Error()
		}
	}
	return failed
}

// Mount adds /livez, /readyz and /metrics to an address. They are public.
func (h *Health) Mount(to *fiber.App, metrics http.Handler) {
	to.Get("/livez", func(c *fiber.Ctx) error { return c.JSON(Report{Status: "alive"}) })
	to.Get("/readyz", func(c *fiber.Ctx) error {
		report, ready := h.Ready(c.UserContext())
		if !ready {
			c.Status(fiber.StatusServiceUnavailable)
		}
		return c.JSON(report)
	})
	page := fasthttpadaptor.NewFastHTTPHandler(metrics)
	to.Get("/metrics", func(c *fiber.Ctx) error {
		page(c.Context())
		return nil
	})
}
