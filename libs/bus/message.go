package bus

import (
	"context"

	"go.opentelemetry.io/otel/propagation"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Message is one event as it was read from a stream.
type Message struct {
	Position int64 // of the event; the stream sequence
	Epoch    string
	Body     []byte // the CloudEvents JSON, for events.Decode
	// Header has what else travelled with it: "traceparent", "tracestate",
	// "Content-Type", "Nats-Msg-Id".
	Header map[string]string
}

// Trace answers ctx with the trace of the command that caused the message, so
// that a span started in it continues that trace.
func (m Message) Trace(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(m.Header))
}

// Sink is given one context's events. Its methods are called by one goroutine
// at a time.
type Sink interface {
	// Deliver takes messages in order, contiguous, all above the cursor and of
	// one epoch. After an error the same messages come again, with a backoff;
	// nothing is skipped. What was delivered may come again after a fault.
	Deliver(ctx context.Context, batch []Message) error
	// Reset says that history was rewritten: forget everything that was folded
	// from this context and expect position 1 of the epoch next. An error
	// repeats it.
	Reset(ctx context.Context, epoch string) error
	// Tail says how far the source is: the stream's last sequence on each
	// (re)connect, and the SQL head that the service announces each second and
	// on change. It is called only with positions of the reader's own epoch and
	// may be called while nothing is delivered; it is never called before the
	// events up to an earlier Tail were offered.
	Tail(ctx context.Context, position int64)
}

// MaterialMessage is what gateways need to verify one secret version.
type MaterialMessage struct {
	Cursor   MaterialCursor // how far the reader is with this message
	Position int64          // in the owner's count of changes; 0: carried over from before a restore
	Key      string         // "<credential id>.<version>"
	Sealed   []byte         // empty: erased
}

// MaterialCursor is how far the material stream was read. The zero value reads
// all of it.
type MaterialCursor struct {
	Incarnation string // changes when the stream was made anew
	Sequence    int64  // of the stream
}

// MaterialSink is given the material of every live secret.
type MaterialSink interface {
	// Cursor answers where to go on; it is asked once, at the start.
	Cursor() MaterialCursor
	// Deliver takes messages in order. The stream is compacted: positions have
	// gaps and only the newest change of a key comes for sure. After an error
	// the same messages come again.
	Deliver(ctx context.Context, batch []MaterialMessage) error
	// Reset says that the stream was made anew: all of it follows. What has not
	// come when Tail's position is reached does not exist any more.
	Reset(ctx context.Context, incarnation string) error
	// Tail says how far the owner is. It is called on each (re)connect, after
	// everything that the stream held at that moment was delivered, and with each
	// heartbeat of the owner once that position was delivered or is known.
	Tail(ctx context.Context, position int64)
}

// applied says whether a cursor covers a head.
func applied(cursor es.Cursor, head es.Head) bool {
	if head.Position == 0 && cursor.Position == 0 {
		return true
	}
	return cursor.Epoch == head.Epoch && cursor.Position >= head.Position
}
