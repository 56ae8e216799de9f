package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// reactions runs one policy on one source, event by event. The cursor moves
// after all effects of an event; an event that was interrupted comes again, and
// the inbox keeps its effects to one.
type reactions struct {
	lane
	reactor es.Reactor
}

var _ Sink = (*reactions)(nil)

// How often an event that fails is tried before it is parked.
const (
	attempts  = 4
	retryTime = 50 * time.Millisecond
)

// Deliver implements Sink.
func (r *reactions) Deliver(ctx context.Context, batch []Message) error {
	for _, m := range batch {
		if m.Position <= r.cursor.Position && m.Epoch == r.cursor.Epoch {
			continue
		}
		e, data, err := r.s.decode(m.Body)
		if e.ID != "" && !slices.Contains(r.reactor.From, e.Type) {
			continue
		}
		if err == nil {
			if err := r.awaitFold(ctx, m); err != nil {
				return err
			}
			err = r.attempt(ctx, m, e, data)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a := es.Absorption{To: es.Cursor{Epoch: m.Epoch, Position: m.Position}}
		if err != nil {
			p := parked(m, err)
			p.EventID, p.Type = e.ID, e.Type
			a.Park = []es.Parked{p}
			r.s.log.Error("A POLICY FAILED on an event, which is parked", "policy", r.name, "source", r.source, "position", m.Position, "error", err)
		}
		if err := r.move(ctx, a); err != nil {
			return err
		}
	}
	last := batch[len(batch)-1]
	if last.Position <= r.cursor.Position && last.Epoch == r.cursor.Epoch {
		return nil
	}
	return r.move(ctx, es.Absorption{To: es.Cursor{Epoch: last.Epoch, Position: last.Position}})
}

// awaitFold waits until the references have folded an event, so that what it
// ends is dead in SQL before the policy lists what hangs on it.
func (r *reactions) awaitFold(ctx context.Context, m Message) error {
	for {
		cursor, moved := r.s.foldedTo(r.source)
		if cursor.Epoch == m.Epoch && cursor.Position >= m.Position {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

// attempt runs the policy until it is done or has failed for good. What is a
// matter of time alone is waited for.
func (r *reactions) attempt(ctx context.Context, m Message, e events.Envelope, data events.Data) error {
	for failures, waits := 0, 0; ; {
		err := react(ctx, r.reactor, m, e, data)
		if err == nil || ctx.Err() != nil {
			return err
		}
		var delay time.Duration
		if transient(err) {
			waits++
			delay = backoff(waits, redeliverFirst, redeliverLast)
			r.s.log.Warn("a policy waits", "policy", r.name, "position", m.Position, "error", err)
		} else {
			if failures++; failures == attempts {
				return err
			}
			delay = backoff(failures, retryTime, time.Second)
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
	}
}

// transient says whether an error passes by itself.
func transient(err error) bool {
	if refusal, ok := errors.AsType[*es.Refusal](err); ok {
		return refusal.Kind == es.Unavailable
	}
	return errors.Is(err, es.ErrUnavailable) || errors.Is(err, ErrUnreachable) || errors.Is(err, es.ErrConflict) ||
		errors.Is(err, context.DeadlineExceeded)
}

// react runs a policy once, in the trace of the command that made the event. A
// policy that panics has failed.
func react(ctx context.Context, reactor es.Reactor, m Message, e events.Envelope, data events.Data) (err error) {
	if m.Header == nil {
		m.Header = map[string]string{"traceparent": e.TraceParent}
	}
	ctx, span := otel.Tracer(tracerName).Start(m.Trace(ctx), "react "+reactor.Name, trace.WithSpanKind(trace.SpanKindConsumer))
	defer span.End()
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("policy %s panicked: %v", reactor.Name, panicked)
		}
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
	}()
	return reactor.React(ctx, e, data)
}
