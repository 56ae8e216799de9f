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
	// Header has the trace that it belongs to, for Trace; nil when it has none.
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
	// (re)connect, before what it holds is delivered, and the SQL head that the
	// service announces each second and on change. Only positions of the reader's
	// own epoch are told, and they may be below what was delivered.
	Tail(ctx context.Context, position int64)
}

// MaterialMessage is what gateways need to verify one secret version.
type MaterialMessage struct {
	Cursor   MaterialCursor // how far the reader is with this message
	Position int64          // in the owner's count of changes
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
	// come when the position of the Tail after it is reached does not exist.
	Reset(ctx context.Context, incarnation string) error
	// Tail says how far the owner is: on each (re)connect the position of the
	// stream's last message (0: it has none), before what it holds is delivered;
	// then what the owner announces each second and on change.
	Tail(ctx context.Context, position int64)
}

// applied says whether a cursor covers a head.
func applied(cursor es.Cursor, head es.Head) bool {
	if head.Position == 0 && cursor.Position == 0 {
		return true
	}
	return cursor.Epoch == head.Epoch && cursor.Position >= head.Position
}
