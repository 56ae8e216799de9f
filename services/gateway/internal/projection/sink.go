package projection

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
)

var (
	_ bus.Sink         = contextSink{}
	_ bus.MaterialSink = materialSink{}
)

// contextSink folds one context's stream.
type contextSink struct {
	*generation
	context int
}

func (s contextSink) from() es.Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.cursors[s.context]
}

// Deliver folds what is next, skips what is known, and gives up on what does not
// follow.
func (s contextSink) Deliver(ctx context.Context, batch []bus.Message) error {
	defer s.traced(ctx, batch)()
	err := s.change(func() error {
		for _, m := range batch {
			cursor := s.fold.cursors[s.context]
			switch {
			case cursor.Position > 0 && m.Epoch != cursor.Epoch:
				return errRewritten
			case m.Position <= cursor.Position:
				continue
			case m.Position > cursor.Position+1:
				return errGap
			}
			frame := eventFrame{context: s.context, epoch: m.Epoch, position: m.Position, body: m.Body}
			s.append(frame.append)
			s.fold.event(frame)
		}
		return nil
	})
	if err == errRewritten || err == errGap { //nolint:errorlint // ours, a line above
		s.fail(err)
	}
	return err
}

// traced continues the traces of the commands behind a few live events.
func (s contextSink) traced(ctx context.Context, batch []bus.Message) (end func()) {
	if len(batch) > 16 || !s.sources[s.context].known() {
		return func() {}
	}
	tracer := otel.Tracer("github.com/tidegate-io/tidegate/services/gateway")
	spans := make([]trace.Span, 0, len(batch))
	for _, m := range batch {
		if m.Header["traceparent"] != "" {
			_, span := tracer.Start(m.Trace(ctx), "apply "+bus.Contexts[s.context], trace.WithSpanKind(trace.SpanKindConsumer))
			spans = append(spans, span)
		}
	}
	return func() {
		for _, span := range spans {
			span.End()
		}
	}
}

// Reset is nothing new to a generation that knows nothing of the context; any
// other ends, for what it knows of the other contexts cannot be taken apart.
func (s contextSink) Reset(ctx context.Context, epoch string) error {
	s.mu.Lock()
	empty := s.fold.cursors[s.context].Position == 0
	if empty {
		s.fold.cursors[s.context] = es.Cursor{Epoch: epoch}
	}
	s.mu.Unlock()
	if empty {
		return nil
	}
	s.fail(errRewritten)
	<-ctx.Done()
	return ctx.Err()
}

// Tail notes how far the source is.
func (s contextSink) Tail(_ context.Context, position int64) {
	s.sources[s.context].announce(position)
	s.moved()
}

// materialSink folds the material stream.
type materialSink struct{ *generation }

// Cursor answers where to go on.
func (s materialSink) Cursor() bus.MaterialCursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fold.material
}

// Deliver folds what is new. What can never authenticate is not written down.
func (s materialSink) Deliver(_ context.Context, batch []bus.MaterialMessage) error {
	err := s.change(func() error {
		for _, m := range batch {
			if at := s.fold.material; at.Incarnation == m.Cursor.Incarnation && m.Cursor.Sequence <= at.Sequence {
				continue
			}
			if s.fold.useless(m.Key) {
				m.Sealed = nil
			}
			s.append(func(dst []byte) []byte { return appendMaterial(dst, m) })
			s.fold.put(m)
		}
		return nil
	})
	s.completeMaterial()
	return err
}

// Reset begins to read everything again; what is in force stays so meanwhile.
func (s materialSink) Reset(_ context.Context, incarnation string) error {
	return s.change(func() error {
		s.append(func(dst []byte) []byte { return appendReset(dst, incarnation) })
		s.fold.reset(incarnation)
		s.until = -1
		return nil
	})
}

// Tail notes how far the owner is. The first one after a Reset says when
// everything has come again.
func (s materialSink) Tail(_ context.Context, position int64) {
	s.mu.Lock()
	if s.fold.vault.rereading() && s.until < 0 {
		s.until = position
	}
	s.mu.Unlock()
	s.sources[materialSource].announce(position)
	s.completeMaterial()
	s.moved()
}

// settleTime is how long a material stream whose positions do not tell its end
// must be silent to count as read: what was carried over from before a restore
// has no positions.
const settleTime = time.Second

// completeMaterial takes out of force what did not come again, once all has come
// that will.
func (g *generation) completeMaterial() {
	g.mu.Lock()
	whole := g.fold.vault.rereading() && g.until >= 0 && g.fold.position >= g.until &&
		(g.until > 0 || time.Since(g.progress) >= settleTime)
	g.mu.Unlock()
	if !whole {
		return
	}
	_ = g.change(func() error { // it cannot fail
		g.until = -1
		g.append(func(dst []byte) []byte { return append(dst, kindComplete) })
		g.fold.complete()
		return nil
	})
}
