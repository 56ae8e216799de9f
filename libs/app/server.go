package app

import (
	"context"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// Limits of a management address. A command is a small JSON document; answers
// may stream for as long as they like.
const (
	maxBody      = 4 << 20
	maxHeader    = 16 << 10 // a token of 5 kB fits
	readTimeout  = 30 * time.Second
	idleTimeout  = 90 * time.Second
	drainRequest = 6 * time.Second
)

func newServer(handler fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:               handler,
		ReadBufferSize:        maxHeader,
		MaxRequestBodySize:    maxBody,
		ReadTimeout:           readTimeout,
		IdleTimeout:           idleTimeout,
		NoDefaultServerHeader: true,
		CloseOnShutdown:       true,
		Logger:                silent{},
	}
}

// serveUntil serves until ctx ends, then answers the calls in flight.
func serveUntil(ctx context.Context, server *fasthttp.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainRequest)
	defer cancel()
	return server.ShutdownWithContext(draining)
}

// silent drops fasthttp's own lines: clients that hang up are no news.
type silent struct{}

func (silent) Printf(string, ...any) {}
