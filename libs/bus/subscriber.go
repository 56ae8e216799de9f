package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// SubscriberConfig says what a service reads of the others.
type SubscriberConfig struct {
	Service  string
	Store    es.Store
	Registry *events.Registry
	Sources  []string     // contexts that are folded into references: "consumer"
	Reactors []es.Reactor // policies; the contexts that they react to are folded too
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
	conn    *Conn
	cfg     SubscriberConfig
	log     *slog.Logger
	sources []string

	mu      sync.Mutex
	folded  map[string]es.Cursor          // by source, as this process knows it
	moved   chan struct{}                 // closed when folded changes
	rewinds map[string]context.CancelFunc // of the folds that run here, by source
}

// NewSubscriber makes the subscriber of a service.
func NewSubscriber(c *Conn, cfg SubscriberConfig) *Subscriber {
	if cfg.Log == nil {
		cfg.Log = c.log
	}
	s := &Subscriber{
		conn: c, cfg: cfg, log: cfg.Log.With("subscriber", cfg.Service), sources: slices.Clone(cfg.Sources),
		folded: map[string]es.Cursor{}, moved: make(chan struct{}), rewinds: map[string]context.CancelFunc{},
	}
	for _, reactor := range cfg.Reactors {
		s.sources = append(s.sources, sourcesOf(reactor)...)
	}
	slices.Sort(s.sources)
	s.sources = slices.Compact(s.sources)
	return s
}

// sourcesOf answers the contexts whose events a reactor reacts to.
func sourcesOf(reactor es.Reactor) []string {
	var sources []string
	for _, eventType := range reactor.From {
		if source := ContextOf(eventType); source != "" && !slices.Contains(sources, source) {
			sources = append(sources, source)
		}
	}
	return sources
}

// Run reads until ctx ends, and returns its error.
func (s *Subscriber) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, source := range s.sources {
		running.Go(func() { s.follow(ctx, &facts{lane: lane{s: s, name: es.FactsSubscriber, source: source}}) })
	}
	for _, reactor := range s.cfg.Reactors {
		for _, source := range sourcesOf(reactor) {
			running.Go(func() {
				s.follow(ctx, &reactions{lane: lane{s: s, name: reactor.Name, source: source}, reactor: reactor})
			})
		}
	}
	running.Wait()
	return ctx.Err()
}

// follower is one cursor's reading.
type follower interface {
	Sink
	base() *lane
}

// follow reads from where SQL says, again whenever the cursor was moved back.
func (s *Subscriber) follow(ctx context.Context, f follower) {
	l := f.base()
	for attempt := 1; ctx.Err() == nil; attempt++ {
		cursor, err := s.cfg.Store.Cursor(ctx, l.name, l.source)
		if err != nil {
			l.s.log.Warn("a cursor was not read", "of", l.name, "source", l.source, "error", err)
			if pause(ctx, backoff(attempt, redeliverFirst, redeliverLast)) != nil {
				return
			}
			continue
		}
		l.set(cursor)
		attempt = 0
		reading, stop := context.WithCancel(ctx)
		s.mu.Lock()
		if l.name == es.FactsSubscriber {
			s.rewinds[l.source] = stop
		}
		s.mu.Unlock()
		l.rewind = stop
		_ = s.conn.Replay(reading, l.source, cursor, f) // ended by ctx, or to begin anew
		stop()
	}
}

// fold keeps how far the references are and wakes who waits for it.
func (s *Subscriber) fold(source string, cursor es.Cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folded[source] = cursor
	close(s.moved)
	s.moved = make(chan struct{})
}

// foldedTo answers how far the references are known to be, and a channel that
// is closed when that changes.
func (s *Subscriber) foldedTo(source string) (es.Cursor, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.folded[source], s.moved
}

// CatchUp waits until the references have folded all that the sources' owners
// had acknowledged when it was called, at most CatchUpTime. ErrUnreachable when
// an owner cannot be asked or its events do not come in time: then what is
// known and live may be relied on, and what is unknown is not known to be
// missing.
func (s *Subscriber) CatchUp(ctx context.Context, sources ...string) error {
	ctx, cancel := context.WithTimeout(ctx, CatchUpTime)
	defer cancel()
	heads, missing := s.conn.Heads(ctx, sources...)
	if len(missing) > 0 {
		return fmt.Errorf("%w: %v", ErrUnreachable, missing)
	}
	for _, source := range sources {
		for {
			cursor, moved := s.foldedTo(source)
			if applied(cursor, heads[source]) {
				break
			}
			// Another replica may have folded it.
			if cursor, err := s.cfg.Store.Cursor(ctx, es.FactsSubscriber, source); err == nil && applied(cursor, heads[source]) {
				break
			}
			timer := time.NewTimer(50 * time.Millisecond)
			select {
			case <-ctx.Done():
				timer.Stop()
				return fmt.Errorf("%w: events of %s have not come in time", ErrUnreachable, source)
			case <-moved:
			case <-timer.C:
			}
			timer.Stop()
		}
	}
	return nil
}

// Retry handles a parked message again. A policy's is given to the policy; one
// that could not be folded (es.FactsSubscriber) makes the references of its
// source anew from the first event, because what came after it may already be
// folded. es.ErrNotFound when it is not parked; any other error leaves it
// parked.
func (s *Subscriber) Retry(ctx context.Context, subscriber, source string, position int64) error {
	all, err := s.cfg.Store.Parked(ctx, subscriber)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(p es.Parked) bool { return p.Source == source && p.Position == position })
	if i < 0 {
		return fmt.Errorf("retry %s of %s at %d: %w", source, subscriber, position, es.ErrNotFound)
	}
	e, data, err := s.decode(all[i].Body)
	if err != nil {
		return fmt.Errorf("retry %s of %s at %d: %w", source, subscriber, position, err)
	}
	if subscriber == es.FactsSubscriber {
		return s.refold(ctx, source, all)
	}
	for _, reactor := range s.cfg.Reactors {
		if reactor.Name != subscriber {
			continue
		}
		if slices.Contains(reactor.From, e.Type) {
			if err := react(ctx, reactor, Message{Position: position, Body: all[i].Body}, e, data); err != nil {
				return err
			}
		}
		return s.cfg.Store.Unpark(ctx, subscriber, source, position)
	}
	return fmt.Errorf("retry %s of %s at %d: there is no such policy: %w", source, subscriber, position, es.ErrNotFound)
}

// refold makes the references of a source anew. What still cannot be folded is
// parked again on the way.
func (s *Subscriber) refold(ctx context.Context, source string, parked []es.Parked) error {
	cursor, err := s.cfg.Store.Cursor(ctx, es.FactsSubscriber, source)
	if err != nil {
		return err
	}
	parked = slices.DeleteFunc(parked, func(p es.Parked) bool { return p.Source != source })
	if err := s.unpark(ctx, parked); err != nil {
		return err
	}
	start := es.Cursor{Epoch: cursor.Epoch}
	err = s.cfg.Store.Absorb(ctx, es.Absorption{Subscriber: es.FactsSubscriber, Source: source, From: cursor, To: start, Reset: true})
	if err != nil {
		return errors.Join(err, s.parkAgain(ctx, source, parked))
	}
	s.log.Warn("references are made anew", "source", source)
	s.mu.Lock()
	defer s.mu.Unlock()
	if rewind := s.rewinds[source]; rewind != nil {
		rewind()
	}
	return nil
}

// parkAgain puts back what was taken off the list for a refold that failed.
func (s *Subscriber) parkAgain(ctx context.Context, source string, parked []es.Parked) error {
	for {
		cursor, err := s.cfg.Store.Cursor(ctx, es.FactsSubscriber, source)
		if err != nil {
			return err
		}
		err = s.cfg.Store.Absorb(ctx, es.Absorption{Subscriber: es.FactsSubscriber, Source: source, From: cursor, To: cursor, Park: parked})
		if !errors.Is(err, es.ErrCursor) {
			return err
		}
	}
}

func (s *Subscriber) unpark(ctx context.Context, parked []es.Parked) error {
	for _, p := range parked {
		if err := s.cfg.Store.Unpark(ctx, p.Subscriber, p.Source, p.Position); err != nil && !errors.Is(err, es.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (s *Subscriber) decode(body []byte) (events.Envelope, events.Data, error) {
	e, err := events.Decode(body)
	if err != nil {
		return e, nil, err
	}
	data, err := s.cfg.Registry.Decode(e)
	return e, data, err
}
