package bus

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// How many publishes are unacknowledged at once, how long one may take, and how
// many records are read at a time.
const (
	window    = 2048
	ackTime   = 5 * time.Second
	relayPage = 1000
)

// Relay publishes one service's SQL records to its stream, in order, so that
// position equals stream sequence; and, for the service that has it, material.
// Several replicas may relay at once: the expected last sequence fences them.
type Relay struct {
	conn    *Conn
	context string
	feed    es.Feed
	log     *slog.Logger

	mu     sync.Mutex
	status RelayStatus
}

// RelayStatus is how far a relay is.
type RelayStatus struct {
	Published int64 // position up to which the stream is known to equal SQL
	Material  int64 // the same for material
	// Blocked is ErrForked or ErrAhead while the relay refuses to publish; nil
	// otherwise.
	Blocked error
	// Err is what the last attempt failed with, such as NATS being away; nil
	// while all is well.
	Err error
}

// NewRelay makes the relay of a context.
func NewRelay(c *Conn, context string, feed es.Feed) *Relay {
	return &Relay{conn: c, context: context, feed: feed, log: c.log.With("relay", context)}
}

// Status answers how far it is.
func (r *Relay) Status() RelayStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

func (r *Relay) update(change func(*RelayStatus)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
}

// Run relays until ctx ends, and returns its error. Every fault of NATS, of SQL
// and of the stream heals or is retried; a fork is retried too, and reported.
func (r *Relay) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
