package bus

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
)

// facts folds one source into the references, a batch in a transaction. The
// store parks what a fold refuses; what cannot be decoded is parked here.
type facts struct{ lane }

var _ Sink = (*facts)(nil)

// Deliver implements Sink.
func (f *facts) Deliver(ctx context.Context, batch []Message) error {
	for len(batch) > 0 && batch[len(batch)-1].Position > f.cursor.Position {
		var a es.Absorption
		for _, m := range batch {
			if m.Position <= f.cursor.Position {
				continue
			}
			received, err := f.read(m)
			if err != nil {
				p := parked(m, err)
				p.EventID, p.Type = received.Envelope.ID, received.Envelope.Type
				a.Park = append(a.Park, p)
				f.s.log.Error("AN EVENT CANNOT BE FOLDED and is parked", "source", f.source, "position", m.Position, "error", err)
			}
			if received.Envelope.ID != "" {
				a.Events = append(a.Events, received)
			}
			a.To = es.Cursor{Epoch: m.Epoch, Position: m.Position}
		}
		if err := f.move(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (f *facts) read(m Message) (es.Received, error) {
	e, data, err := f.s.decode(m.Body)
	received := es.Received{Envelope: e, Data: data, Body: m.Body, Err: err}
	return received, err
}
