package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/es"
)

// errUnfit: the event stream is not known to be SQL's, so neither is material.
var errUnfit = errors.New("the event stream is not verified")

// relayMaterial makes one attempt, like relayEvents: position equals stream
// sequence here, too. A position whose change was superseded before it was
// published is given a filler. Without it two relays that read at different
// moments would mean different positions by one sequence, and the fence of the
// one would let a message of the other pass that has a change missing before it.
func (r *Relay) relayMaterial(ctx context.Context) error {
	again := r.conn.reconnected()
	head, cursor, newest, err := r.inspectMaterial(ctx)
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
				var batch []outgoing
				for _, record := range records {
					for read++; read < record.Position && len(batch) < fillers; read++ {
						batch = append(batch, materialFiller(head.Epoch, read, newest))
					}
					if read < record.Position {
						read-- // the record is read again, with what is still missing before it
						break
					}
					batch, newest = append(batch, materialMessage(head.Epoch, record)), read
				}
				if err := r.wipe(ctx, records); err != nil {
					return nil, err
				}
				inspected = time.Now()
				return batch, nil
			}
			if time.Since(inspected) > inspectTime {
				if err := r.unchanged(ctx, materialStream, uint64(read)); err != nil {
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
// the better copy. It answers where to go on, and the newest position that the
// stream has a change of.
func (r *Relay) inspectMaterial(ctx context.Context) (head es.Head, cursor, newest int64, err error) {
	for range 3 {
		var found seen
		found, head, newest, err = r.compareMaterial(ctx)
		switch {
		case err == nil:
			r.conn.adjust(ctx, found)
			return head, found.last(), newest, nil
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
	case found.epoch() != head.Epoch, found.config.DenyDelete:
		// The event stream was judged: what it was made anew for holds here too. One
		// of which nothing can be overwritten cannot be changed to allow it.
		return found, head, 0, errOutdated
	case found.tail == nil && found.last() == 0:
		return found, head, 0, nil
	case found.tail == nil:
		return found, head, 0, r.compareWiped(ctx, found.last())
	case found.tail.Header.Get(HeaderEpoch) != head.Epoch:
		return found, head, 0, errHoled
	}
	whole := found.tail.Sequence == found.state.LastSeq
	newest, err := strconv.ParseInt(found.tail.Header.Get(HeaderPosition), 10, 64)
	if err != nil || newest > found.last() || whole && newest < found.last() && found.tail.Subject != fillerSubject {
		return found, head, 0, errHoled
	}
	if found.last() > head.Material {
		return found, head, 0, fmt.Errorf("%w (material: stream %d, SQL %d)", ErrAhead, found.last(), head.Material)
	}
	if !whole {
		return found, head, newest, r.compareWiped(ctx, found.last())
	}
	return found, head, newest, r.compareMaterialTail(ctx, found.tail, found.last())
}

// compareWiped judges a stream of which the last message was deleted: what was
// erased is, before its erasure is published. Of what SQL still has, nobody
// deletes anything.
func (r *Relay) compareWiped(ctx context.Context, position int64) error {
	records, err := r.feed.MaterialSince(ctx, position-1, 1)
	if err != nil {
		return fmt.Errorf("read material %d: %w", position, err)
	}
	if len(records) > 0 && records[0].Position == position {
		return errHoled
	}
	return nil
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
	if tail.Subject != materialSubject+records[0].Key || !bytes.Equal(tail.Data, records[0].Sealed) {
		return fmt.Errorf("%w (material %d: stream %s, SQL %s)", ErrForked, position, tail.Subject, records[0].Key)
	}
	return nil
}

// materialMessage carries one change; an erasure is an empty body that replaces
// what was there.
func materialMessage(epoch string, record es.MaterialRecord) outgoing {
	return materialAt(epoch, record.Position, &nats.Msg{Subject: materialSubject + record.Key, Data: record.Sealed}, record.Position)
}

// fillerSubject is no key's: it has one token. Of all fillers the stream keeps
// the last.
const fillerSubject = materialSubject + "superseded"

// fillers is how many fillers are published before SQL is read again.
const fillers = 10_000

// materialFiller stands for a change that was superseded. It names the newest
// one before it, which is how far a reader of the stream can come.
func materialFiller(epoch string, position, newest int64) outgoing {
	return materialAt(epoch, position, &nats.Msg{Subject: fillerSubject}, newest)
}

func materialAt(epoch string, position int64, m *nats.Msg, newest int64) outgoing {
	m.Header = nats.Header{HeaderEpoch: {epoch}, HeaderPosition: {strconv.FormatInt(newest, 10)}}
	fence(m, materialStream, uint64(position))
	return outgoing{message: m, sequence: uint64(position), position: position}
}
