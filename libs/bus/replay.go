package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Replay gives a sink one context's events in order from a cursor on, and then
// each as it comes. It blocks until ctx ends, and returns its error; it
// reconnects by itself. A stream that does not exist yet is waited for.
//
// Each time it (re)connects it looks at the stream: one of another epoch resets
// the sink, unless it has read nothing yet; one that was made anew in the same
// epoch holds the same events, and is read on from the cursor once it has grown
// that far. A sequence that does not follow the one before is a gap: the stream
// is read again from the cursor.
func (c *Conn) Replay(ctx context.Context, context string, from es.Cursor, sink Sink) error {
	r := &replay{conn: c, context: context, cursor: from, sink: sink}
	return c.keepReading(ctx, Stream(context), r)
}

// replay is the reading of one context's events.
type replay struct {
	conn    *Conn
	context string
	cursor  es.Cursor
	sink    Sink
	behind  time.Time // since when every announced head was below the cursor
}

// behindTime is how long a service may seem to be behind what was read from it:
// what it announces may have been overtaken by its events.
const behindTime = 10 * time.Second

// open prepares to read from a stream as it was found, and answers the sequence
// after which to go on.
func (r *replay) open(ctx context.Context, found seen) (after uint64, err error) {
	epoch := found.epoch()
	if epoch == "" {
		return 0, fmt.Errorf("stream %s was not made by a relay: it has no epoch", found.config.Name)
	}
	if r.cursor == (es.Cursor{}) {
		r.cursor.Epoch = epoch
	}
	if r.cursor.Epoch != epoch {
		r.conn.log.Warn("history was rewritten: reading all of it again", "context", r.context, "epoch", epoch, "had", r.cursor.Epoch)
		if err := r.sink.Reset(ctx, epoch); err != nil {
			return 0, err
		}
		r.cursor = es.Cursor{Epoch: epoch}
	}
	if found.state.Msgs > 0 && int64(found.state.FirstSeq) > r.cursor.Position+1 {
		return 0, fmt.Errorf("%w: %s begins at %d, %d is needed", errGap, found.config.Name, found.state.FirstSeq, r.cursor.Position+1)
	}
	r.sink.Tail(ctx, found.last())
	return min(uint64(r.cursor.Position), found.state.LastSeq), nil
}

// deliver checks a batch message by message before the sink sees it.
func (r *replay) deliver(ctx context.Context, batch []jetstream.Msg) error {
	fresh, fault := make([]Message, 0, len(batch)), error(nil)
	next := r.cursor.Position + 1
	for _, m := range batch {
		sequence, err := sequenceOf(m)
		if err != nil {
			fault = err
			break
		}
		if epoch := header(m, HeaderEpoch); epoch != r.cursor.Epoch {
			fault = fmt.Errorf("%w: %s has %q at %d, the cursor %q", errEpoch, Stream(r.context), epoch, sequence, r.cursor.Epoch)
			break
		}
		if sequence < next {
			continue
		}
		if sequence > next {
			fault = fmt.Errorf("%w: %s has %d after %d", errGap, Stream(r.context), sequence, next-1)
			break
		}
		fresh = append(fresh, Message{Position: sequence, Epoch: r.cursor.Epoch, Body: m.Data(), Header: traceHeader(m)})
		next++
	}
	if len(fresh) > 0 {
		if err := r.conn.insist(ctx, Stream(r.context), func() error { return r.sink.Deliver(ctx, fresh) }); err != nil {
			return err
		}
		r.cursor.Position = next - 1
	}
	return fault
}

// announced passes on a head that the owner has announced.
func (r *replay) announced(ctx context.Context, head es.Head) {
	if head.Epoch != r.cursor.Epoch {
		return
	}
	switch {
	case head.Position >= r.cursor.Position:
		r.behind = time.Time{}
	case r.behind.IsZero():
		r.behind = time.Now()
	case time.Since(r.behind) > behindTime:
		r.conn.log.Error("A SERVICE IS BEHIND what was read from it: was its database restored without `tidegate epoch bump`?",
			"context", r.context, "read", r.cursor.Position, "sql", head.Position)
		r.behind = time.Time{}
	}
	r.sink.Tail(ctx, head.Position)
}

func (r *replay) owner() string { return r.context }

func header(m jetstream.Msg, name string) string {
	if values := m.Headers()[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// traceHeader keeps what a reader can use; most messages have none.
func traceHeader(m jetstream.Msg) map[string]string {
	parent := header(m, "traceparent")
	if parent == "" {
		return nil
	}
	kept := map[string]string{"traceparent": parent}
	if state := header(m, "tracestate"); state != "" {
		kept["tracestate"] = state
	}
	return kept
}

// sequenceOf answers a message's stream sequence.
func sequenceOf(m jetstream.Msg) (int64, error) {
	meta, err := m.Metadata()
	if err != nil {
		return 0, fmt.Errorf("read a message's sequence: %w", err)
	}
	return int64(meta.Sequence.Stream), nil
}

// insist repeats a delivery until the sink takes it, ctx ends, or the sink's
// cursor was moved under it.
func (c *Conn) insist(ctx context.Context, stream string, deliver func() error) error {
	for attempt := 1; ; attempt++ {
		err := deliver()
		if err == nil || errors.Is(err, errRewind) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if attempt == 1 || attempt%20 == 0 {
			c.log.Warn("a delivery failed and is repeated", "stream", stream, "attempt", attempt, "error", err)
		}
		if err := pause(ctx, backoff(attempt, redeliverFirst, redeliverLast)); err != nil {
			return err
		}
	}
}
