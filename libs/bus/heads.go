package bus

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
)

// ServeHead answers, from SQL, how far a service is, and announces it each
// second and on change. It blocks until ctx ends, and returns its error.
func (c *Conn) ServeHead(ctx context.Context, service string, feed es.Feed) error {
	<-ctx.Done()
	return ctx.Err()
}

// Heads asks services how far their SQL is at this moment. missing are those
// that did not answer before ctx ended, one second at most.
func (c *Conn) Heads(ctx context.Context, services ...string) (heads map[string]es.Head, missing []string) {
	return nil, services
}
