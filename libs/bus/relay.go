package bus

import (
	"context"
	"errors"
	"log/slog"
	mrand "math/rand/v2"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// How many publishes are unacknowledged at once, how long one may take, and how
// many records are read at a time.
const (
	window    = 2048
	ackTime   = 5 * time.Second
	relayPage = 500
)

// How often a relay looks for what other processes have committed, and whether
// its stream is still as it left it; how often it looks at a stream that it may
// not touch, and says so.
const (
	pollTime    = 100 * time.Millisecond // to 250 ms
	inspectTime = 2 * time.Second
	blockedTime = time.Second
	remindTime  = 30 * time.Second
)

// Relay publishes one service's SQL records to its stream, in order, so that
// position equals stream sequence; and, for the service that has it, material.
//
//  1. It looks at the stream and compares its last message with SQL.
//  2. A stream that is missing, or has holes, is made anew; one that SQL does not
//     explain is left alone, and Status says why.
//  3. What SQL has above the stream's last sequence is published, each message
//     fenced by the sequence before it, so that the replicas of a service may all
//     relay at once.
//  4. After any fault, and each time NATS is back, it begins again at 1.
type Relay struct {
	conn    *Conn
	context string
	feed    es.Feed
	log     *slog.Logger

	mu       sync.Mutex
	status   RelayStatus
	verified string // the epoch in which the event stream was found to be fit; empty: it is not
	doubted  int64  // position from which on the event stream is to be compared with SQL; 0: its tail says enough
	blocked  [2]error
	failed   [2]error
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
	status := r.status
	for i := range r.blocked {
		if status.Blocked == nil {
			status.Blocked = r.blocked[i]
		}
		if status.Err == nil {
			status.Err = r.failed[i]
		}
	}
	return status
}

// Run relays until ctx ends, and returns its error. Every fault of NATS, of SQL
// and of the stream heals or is retried; a fork is looked at again each second.
func (r *Relay) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { r.keep(ctx, eventLane, r.relayEvents) })
	running.Go(func() {
		if err := r.conn.serveDoor(ctx, Stream(r.context)); ctx.Err() == nil {
			r.log.Error("readers cannot make consumers", "error", err)
		}
	})
	if r.context == MaterialOwner {
		running.Go(func() { r.keep(ctx, materialLane, r.relayMaterial) })
	}
	running.Wait()
	return ctx.Err()
}

// The two things that a relay carries, as indexes of its state.
const (
	eventLane = iota
	materialLane
)

// keep repeats an attempt for ever.
func (r *Relay) keep(ctx context.Context, lane int, attempt func(context.Context) error) {
	var reminded time.Time
	for failures := 0; ctx.Err() == nil; {
		if err := r.conn.awaitConnection(ctx); err != nil {
			return
		}
		began := time.Now()
		err := attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > ackTime {
			failures = 0
		}
		failures++
		var delay time.Duration
		switch {
		case errors.Is(err, ErrForked), errors.Is(err, ErrAhead):
			delay = blockedTime
			if r.note(lane, err, err) || time.Since(reminded) > remindTime {
				r.log.Error("THE RELAY IS BLOCKED: nothing is published", "error", err)
				reminded = time.Now()
			}
		case errors.Is(err, errMoved):
			r.note(lane, nil, nil)
			delay = time.Millisecond + mrand.N(min(time.Duration(failures), 25)*2*time.Millisecond)
		case errors.Is(err, errEpoch), errors.Is(err, errUnfit), errors.Is(err, errMissing), errors.Is(err, errHoled), errors.Is(err, errOutdated):
			r.note(lane, nil, nil)
			delay = backoff(failures, time.Millisecond, time.Second)
		default:
			delay = backoff(failures, 20*time.Millisecond, 2*time.Second)
			if r.note(lane, nil, err) {
				r.log.Warn("relaying failed and is tried again", "error", err)
			}
		}
		if pause(ctx, delay) != nil {
			return
		}
	}
}

// note keeps what an attempt came to, and says whether that is news.
func (r *Relay) note(lane int, blocked, err error) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news = err != nil && (r.failed[lane] == nil || r.failed[lane].Error() != err.Error())
	r.blocked[lane], r.failed[lane] = blocked, err
	return news
}

// fit keeps that the event stream was found to hold the truth of an epoch; with
// an empty epoch, that it was not.
func (r *Relay) fit(epoch string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verified = epoch
}

func (r *Relay) fitFor(epoch string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.verified == epoch
}

// doubt keeps from where on the event stream must be compared, when err says
// that something else has taken a position.
func (r *Relay) doubt(err error) {
	refused, ok := errors.AsType[*refusedError](err)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.doubted == 0 || refused.position < r.doubted {
		r.doubted = refused.position
	}
}

// doubtedFrom answers what doubt kept; settled forgets it.
func (r *Relay) doubtedFrom() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.doubted
}

func (r *Relay) settled() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubted = 0
}

func (r *Relay) published(lane int, position int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[lane], r.blocked[lane] = nil, nil
	if lane == eventLane {
		r.status.Published = position
	} else {
		r.status.Material = position
	}
}

// await waits for a commit, and for no longer than another process's may stay
// unseen, nor longer than until NATS is back from an absence.
func (r *Relay) await(ctx context.Context, changed, again <-chan struct{}) error {
	timer := time.NewTimer(pollTime + mrand.N(pollTime*3/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-again:
		return errMoved
	case <-changed:
	case <-timer.C:
	}
	return nil
}
