package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/es"
)

// errUnfit: the event stream is not known to be SQL's, so neither is material.
var errUnfit = errors.New("the event stream is not verified")

// relayMaterial makes one attempt, like relayEvents. The stream is compacted, so
// that its sequence is not the position: the position travels in a header, and
// the last message's says where to go on.
func (r *Relay) relayMaterial(ctx context.Context) error {
	again := r.conn.reconnected()
	head, cursor, sequence, err := r.inspectMaterial(ctx)
	if err != nil {
		return err
	}
	r.published(materialLane, cursor)
	inspected, read := time.Now(), cursor
	next := func(ctx context.Context) ([]outgoing, error) {
		for {
			changed := r.feed.Changed()
			records, err := r.feed.MaterialSince(ctx, read, relayPage)
			if err != nil {
				return nil, fmt.Errorf("read material to relay: %w", err)
			}
			if err := r.sameEpoch(ctx, head.Epoch); err != nil {
				return nil, err
			}
			if !r.fitFor(head.Epoch) {
				return nil, errUnfit
			}
			if len(records) > 0 {
				batch := make([]outgoing, len(records))
				for i, record := range records {
					sequence++
					batch[i] = materialMessage(head.Epoch, record, sequence)
					read = record.Position
				}
				inspected = time.Now()
				return batch, nil
			}
			if time.Since(inspected) > inspectTime {
				if err := r.unchanged(ctx, materialStream, sequence); err != nil {
					return nil, err
				}
				inspected = time.Now()
			}
			if err := r.await(ctx, changed, again); err != nil {
				return nil, err
			}
		}
	}
	return r.conn.pipeline(ctx, next, func(position int64) { r.published(materialLane, position) })
}

// inspectMaterial compares the stream with SQL, and makes it anew where SQL is
// the better copy. It answers where to go on, in positions and in sequences.
func (r *Relay) inspectMaterial(ctx context.Context) (es.Head, int64, uint64, error) {
	for range 3 {
		found, head, cursor, err := r.compareMaterial(ctx)
		switch {
		case err == nil:
			r.conn.adjust(ctx, found)
			return head, cursor, found.state.LastSeq, nil
		case errors.Is(err, errMissing):
			err = r.conn.create(ctx, r.conn.materialConfig(head.Epoch))
		case errors.Is(err, errHoled), errors.Is(err, errOutdated):
			err = r.conn.rebuild(ctx, r.conn.materialConfig(head.Epoch), func(ctx context.Context) error {
				_, _, _, err := r.compareMaterial(ctx)
				return err
			})
		}
		if err != nil {
			return es.Head{}, 0, 0, err
		}
	}
	return es.Head{}, 0, 0, errMoved
}

func (r *Relay) compareMaterial(ctx context.Context) (seen, es.Head, int64, error) {
	found, lookErr := r.conn.look(ctx, materialStream)
	if lookErr != nil && !errors.Is(lookErr, errMissing) {
		return seen{}, es.Head{}, 0, lookErr
	}
	head, err := r.feed.Head(ctx)
	if err != nil {
		return seen{}, es.Head{}, 0, fmt.Errorf("read head: %w", err)
	}
	if !r.fitFor(head.Epoch) {
		return seen{}, es.Head{}, 0, errUnfit
	}
	switch {
	case lookErr != nil:
		return found, head, 0, lookErr
	case found.epoch() != head.Epoch:
		// The event stream was judged: what it was made anew for holds here too.
		return found, head, 0, errOutdated
	case found.tail == nil && found.state.LastSeq > 0:
		return found, head, 0, errHoled
	case found.tail == nil:
		return found, head, 0, nil
	case found.tail.Header.Get(HeaderEpoch) != head.Epoch || found.tail.Sequence != found.state.LastSeq:
		return found, head, 0, errHoled
	}
	cursor, err := strconv.ParseInt(found.tail.Header.Get(HeaderPosition), 10, 64)
	if err != nil {
		return found, head, 0, errHoled
	}
	if cursor > head.Material {
		return found, head, 0, fmt.Errorf("%w (material: stream %d, SQL %d)", ErrAhead, cursor, head.Material)
	}
	return found, head, cursor, r.compareMaterialTail(ctx, found.tail, cursor)
}

// compareMaterialTail compares the last message with SQL, as far as SQL still
// has that change: a later one of the same key has replaced it.
func (r *Relay) compareMaterialTail(ctx context.Context, tail *jetstream.RawStreamMsg, position int64) error {
	records, err := r.feed.MaterialSince(ctx, position-1, 1)
	if err != nil {
		return fmt.Errorf("read material %d: %w", position, err)
	}
	if len(records) == 0 || records[0].Position != position {
		return nil
	}
	if strings.TrimPrefix(tail.Subject, materialSubject) != records[0].Key || !bytes.Equal(tail.Data, records[0].Sealed) {
		return fmt.Errorf("%w (material %d: stream %s, SQL %s)", ErrForked, position, tail.Subject, records[0].Key)
	}
	return nil
}

// materialMessage carries one change; an erasure is an empty body that replaces
// what was there.
func materialMessage(epoch string, record es.MaterialRecord, sequence uint64) outgoing {
	m := &nats.Msg{Subject: materialSubject + record.Key, Data: record.Sealed, Header: nats.Header{
		HeaderEpoch:    {epoch},
		HeaderPosition: {strconv.FormatInt(record.Position, 10)},
	}}
	fence(m, materialStream, sequence)
	return outgoing{message: m, sequence: sequence, position: record.Position}
}
