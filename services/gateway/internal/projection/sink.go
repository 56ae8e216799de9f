package projection

import (
	"context"

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
	return s.change(func() error {
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
}

// Reset begins to read everything again; what is in force stays so meanwhile.
func (s materialSink) Reset(_ context.Context, incarnation string) error {
	return s.change(func() error {
		s.append(func(dst []byte) []byte { return appendReset(dst, incarnation) })
		s.fold.reset(incarnation)
		return nil
	})
}

// Tail notes how far the owner is: everything up to there has come.
func (s materialSink) Tail(_ context.Context, position int64) {
	s.mu.Lock()
	rereading := s.fold.vault.rereading()
	s.fold.position = max(s.fold.position, position)
	if s.reported.step == s.steps { // all that was folded is on disk
		s.reported.material = s.fold.position
	}
	s.mu.Unlock()
	if rereading {
		err := s.change(func() error {
			s.append(func(dst []byte) []byte { return append(dst, kindComplete) })
			s.fold.complete()
			return nil
		})
		if err != nil {
			return // the generation has failed
		}
	}
	s.sources[materialSource].applied(position)
	s.sources[materialSource].announce(position)
	s.moved()
}
