package api

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/portal/internal/route"
)

// Document is the OpenAPI document of all services. What a service once
// answered is kept, so that the document is whole while a service is away.
type Document struct {
	own   *httpapi.Server
	peers map[string]route.Peer
	log   *slog.Logger

	mu    sync.Mutex
	parts map[string][]byte // by service, as last answered
	read  time.Time
	whole []byte
}

// fresh is how long a merged document is answered without asking again.
const fresh = 10 * time.Second

// NewDocument makes the document of the portal and its peers.
func NewDocument(own *httpapi.Server, peers map[string]route.Peer, log *slog.Logger) *Document {
	return &Document{own: own, peers: peers, log: log, parts: map[string][]byte{}}
}

// Serve answers it. It is public, as every service's part is.
func (d *Document) Serve(c *fiber.Ctx) error {
	whole, err := d.merged(c.UserContext())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/openapi+json")
	return c.Send(whole)
}

func (d *Document) merged(ctx context.Context) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.read) < fresh {
		return d.whole, nil
	}
	own, err := d.own.OpenAPI()
	if err != nil {
		return nil, fmt.Errorf("describe the portal's operations: %w", err)
	}
	documents, complete := [][]byte{own}, true
	for _, name := range slices.Sorted(maps.Keys(d.peers)) {
		if part, err := ask(ctx, d.peers[name]); err == nil {
			d.parts[name] = part
		} else {
			complete = false
			d.log.WarnContext(ctx, "a service does not describe its operations", "peer", name, "error", err)
		}
		part, known := d.parts[name]
		if !known {
			return nil, route.ErrDown.Saying("the %s service cannot be asked for its operations", name)
		}
		documents = append(documents, part)
	}
	whole, err := httpapi.Merge(documents...)
	if err != nil {
		return nil, fmt.Errorf("merge the services' operations: %w", err)
	}
	if complete {
		d.whole, d.read = whole, time.Now()
	}
	return whole, nil
}

// ask answers a service's own document.
func ask(ctx context.Context, peer route.Peer) ([]byte, error) {
	var call fasthttp.RequestCtx
	call.Init(&fasthttp.Request{}, nil, nil)
	call.Request.Header.SetMethod(fasthttp.MethodGet)
	call.Request.SetRequestURI("/openapi.json")
	call.Request.SetHost("portal")
	if err := peer.Forward(ctx, &call); err != nil {
		return nil, err
	}
	if status := call.Response.StatusCode(); status != fasthttp.StatusOK {
		return nil, fmt.Errorf("it answered %d", status)
	}
	return slices.Clone(call.Response.Body()), nil
}
