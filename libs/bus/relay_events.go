package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// relayEvents makes one attempt: look, mend, publish until something fails.
func (r *Relay) relayEvents(ctx context.Context) error {
	r.fit("")
	again := r.conn.reconnected()
	head, cursor, err := r.inspectEvents(ctx)
	if err != nil {
		return err
	}
	r.fit(head.Epoch)
	defer r.fit("")
	r.published(eventLane, cursor)
	inspected, read := time.Now(), cursor
	next := func(ctx context.Context) ([]outgoing, error) {
		for {
			changed := r.feed.Changed()
			records, err := r.feed.Since(ctx, read, relayPage)
			if err != nil {
				return nil, fmt.Errorf("read events to relay: %w", err)
			}
			if err := r.sameEpoch(ctx, head.Epoch); err != nil {
				return nil, err
			}
			if len(records) > 0 {
				batch, err := r.eventMessages(ctx, head.Epoch, read, records)
				read += int64(len(records))
				inspected = time.Now()
				return batch, err
			}
			if time.Since(inspected) > inspectTime {
				if err := r.unchanged(ctx, Stream(r.context), uint64(read)); err != nil {
					return nil, err
				}
				inspected = time.Now()
			}
			if err := r.await(ctx, changed, again); err != nil {
				return nil, err
			}
		}
	}
	err = r.conn.pipeline(ctx, next, func(position int64) { r.published(eventLane, position) })
	r.doubt(err)
	return err
}

// inspectEvents compares the stream with SQL, and makes it anew where SQL is the
// better copy. It answers where to go on.
func (r *Relay) inspectEvents(ctx context.Context) (es.Head, int64, error) {
	for range 3 {
		found, head, err := r.compareEvents(ctx)
		switch {
		case err == nil:
			r.conn.adjust(ctx, found)
			return head, found.last(), nil
		case errors.Is(err, errMissing):
			err = r.conn.create(ctx, r.conn.eventStream(r.context, head.Epoch))
		case errors.Is(err, errHoled), errors.Is(err, errOutdated):
			err = r.conn.rebuild(ctx, r.conn.eventStream(r.context, head.Epoch), func(ctx context.Context) error {
				_, _, err := r.compareEvents(ctx)
				return err
			})
		}
		if err != nil {
			return es.Head{}, 0, err
		}
	}
	return es.Head{}, 0, errMoved
}

// compareEvents looks at the stream first and at SQL after it, so that what
// another replica relays meanwhile does not look like a stream ahead of SQL.
func (r *Relay) compareEvents(ctx context.Context) (seen, es.Head, error) {
	found, lookErr := r.conn.look(ctx, Stream(r.context))
	if lookErr != nil && !errors.Is(lookErr, errMissing) {
		return seen{}, es.Head{}, lookErr
	}
	head, err := r.feed.Head(ctx)
	if err != nil {
		return seen{}, es.Head{}, fmt.Errorf("read head: %w", err)
	}
	if lookErr != nil {
		return found, head, lookErr
	}
	if found.epoch() != head.Epoch {
		if found.config.Metadata[metaNext] == head.Epoch || found.state.LastSeq == 0 {
			return found, head, errOutdated
		}
		if found.last() > head.Position {
			return found, head, fmt.Errorf("%w (stream: epoch %s, %d; SQL: epoch %s, %d)", ErrAhead, found.epoch(), found.last(), head.Epoch, head.Position)
		}
		return found, head, fmt.Errorf("%w (stream: epoch %s; SQL: epoch %s)", ErrForked, found.epoch(), head.Epoch)
	}
	if found.tail != nil && found.tail.Header.Get(HeaderEpoch) != head.Epoch {
		return found, head, errHoled // not a relay of this epoch has written it
	}
	if found.last() > head.Position {
		return found, head, fmt.Errorf("%w (stream: %d; SQL: %d)", ErrAhead, found.last(), head.Position)
	}
	if found.tail != nil {
		if err := r.compareTail(ctx, found.tail); err != nil {
			return found, head, err
		}
	}
	if found.holed() {
		return found, head, errHoled
	}
	return found, head, r.compareDoubted(ctx, found)
}

// compareDoubted compares the positions that may hold what no relay wrote: the
// one that was refused, and those that were in flight behind it. The tail does
// not tell: it may be ours.
func (r *Relay) compareDoubted(ctx context.Context, found seen) error {
	from := r.doubtedFrom()
	if from == 0 {
		return nil
	}
	for position := from; position <= min(found.last(), from+window); position++ {
		m, err := found.stream.GetMsg(ctx, uint64(position))
		if err != nil {
			return fmt.Errorf("read sequence %d of stream %s: %w", position, Stream(r.context), err)
		}
		switch err := r.compareTail(ctx, m); {
		case errors.Is(err, ErrForked):
			return fmt.Errorf("%w: sequence %d is not SQL's", errHoled, position)
		case err != nil:
			return err
		}
	}
	r.settled()
	return nil
}

// compareTail says whether SQL has a message of the stream, such as its last, at
// its position.
func (r *Relay) compareTail(ctx context.Context, tail *jetstream.RawStreamMsg) error {
	position := int64(tail.Sequence)
	records, err := r.feed.Since(ctx, position-1, 1)
	if err != nil {
		return fmt.Errorf("read position %d: %w", position, err)
	}
	if len(records) == 0 || records[0].Position != position {
		return fmt.Errorf("%w (stream: %d; SQL has no such position)", ErrAhead, position)
	}
	if id := tail.Header.Get(jetstream.MsgIDHeader); id != records[0].ID || !bytes.Equal(tail.Data, records[0].Body) {
		return fmt.Errorf("%w (position %d: stream %s, SQL %s)", ErrForked, position, id, records[0].ID)
	}
	return nil
}

// eventMessages makes the messages of records, whose positions must follow
// without a gap.
func (r *Relay) eventMessages(ctx context.Context, epoch string, after int64, records []es.Record) ([]outgoing, error) {
	batch := make([]outgoing, len(records))
	stream := Stream(r.context)
	for i, record := range records {
		if record.Position != after+int64(i)+1 {
			return nil, fmt.Errorf("SQL answered position %d after %d", record.Position, after+int64(i))
		}
		m := &nats.Msg{Subject: events.Subject(record.Type), Data: record.Body, Header: nats.Header{
			jetstream.MsgIDHeader: {record.ID},
			HeaderEpoch:           {epoch},
			headerContentType:     {events.ContentType},
		}}
		r.traced(ctx, m, record)
		fence(m, stream, uint64(record.Position))
		batch[i] = outgoing{message: m, sequence: uint64(record.Position), position: record.Position}
	}
	return batch, nil
}

const headerContentType = "Content-Type"

// sameEpoch is asked after records were read and before they are published:
// what was read is then of that epoch.
func (r *Relay) sameEpoch(ctx context.Context, epoch string) error {
	head, err := r.feed.Head(ctx)
	if err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	if head.Epoch != epoch {
		return errEpoch
	}
	return nil
}

// unchanged says whether an idle stream still ends where it was left.
func (r *Relay) unchanged(ctx context.Context, name string, last uint64) error {
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	stream, err := r.conn.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return errMissing
	}
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", name, err)
	}
	if state := stream.CachedInfo().State; state.LastSeq != last {
		return errMoved
	}
	return nil
}
