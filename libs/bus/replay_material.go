package bus

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/es"
)

// ReplayMaterial gives a sink the material stream from the sink's cursor on, and
// then each change as it comes. It blocks until ctx ends, and returns its error.
func (c *Conn) ReplayMaterial(ctx context.Context, sink MaterialSink) error {
	return c.keepReading(ctx, materialStream, &materialReplay{conn: c, cursor: sink.Cursor(), sink: sink})
}

// materialReplay is the reading of the material stream. It is compacted, so what
// is checked is that sequences rise and that the stream is still the one that the
// cursor is of.
type materialReplay struct {
	conn   *Conn
	cursor MaterialCursor
	epoch  string
	sink   MaterialSink
}

func (r *materialReplay) open(ctx context.Context, found seen) (after uint64, err error) {
	if found.epoch() == "" {
		return 0, fmt.Errorf("stream %s was not made by a relay: it has no epoch", materialStream)
	}
	r.epoch = found.epoch()
	if r.cursor.Incarnation != found.incarnation() || uint64(r.cursor.Sequence) > found.state.LastSeq {
		if err := r.sink.Reset(ctx, found.incarnation()); err != nil {
			return 0, err
		}
		r.cursor = MaterialCursor{Incarnation: found.incarnation()}
	}
	var tail int64
	if found.tail != nil {
		if tail, err = strconv.ParseInt(found.tail.Header.Get(HeaderPosition), 10, 64); err != nil {
			return 0, fmt.Errorf("read the position of material: %w", err)
		}
	}
	r.sink.Tail(ctx, tail)
	return uint64(r.cursor.Sequence), nil
}

func (r *materialReplay) deliver(ctx context.Context, batch []jetstream.Msg) error {
	fresh, fault := make([]MaterialMessage, 0, len(batch)), error(nil)
	last := r.cursor.Sequence
	for _, m := range batch {
		sequence, err := sequenceOf(m)
		if err != nil {
			fault = err
			break
		}
		if epoch := header(m, HeaderEpoch); epoch != r.epoch {
			fault = fmt.Errorf("%w: material has %q at %d, the stream %q", errEpoch, epoch, sequence, r.epoch)
			break
		}
		if sequence <= last {
			continue
		}
		if m.Subject() == fillerSubject {
			last = sequence
			continue
		}
		position, err := strconv.ParseInt(header(m, HeaderPosition), 10, 64)
		if err != nil {
			fault = fmt.Errorf("read the position of material: %w", err)
			break
		}
		last = sequence
		fresh = append(fresh, MaterialMessage{
			Cursor:   MaterialCursor{Incarnation: r.cursor.Incarnation, Sequence: sequence},
			Position: position,
			Key:      strings.TrimPrefix(m.Subject(), materialSubject),
			Sealed:   m.Data(),
		})
	}
	if len(fresh) > 0 {
		if err := r.conn.insist(ctx, materialStream, func() error { return r.sink.Deliver(ctx, fresh) }); err != nil {
			return err
		}
	}
	r.cursor.Sequence = last
	return fault
}

func (r *materialReplay) announced(ctx context.Context, head es.Head) {
	if head.Epoch == r.epoch {
		r.sink.Tail(ctx, head.Material)
	}
}

func (r *materialReplay) owner() string { return MaterialOwner }
