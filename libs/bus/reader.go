package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/es"
)

// How a stream is read. Pull sizes bound what is in memory; a batch bounds what
// a sink commits at once.
const (
	pullMessages = 10_000
	pullBytes    = 64 << 20
	deliverBatch = 1000

	idleBeat       = time.Second      // twice as long without a sign of life: begin again
	consumerLife   = 30 * time.Second // of a consumer that nobody reads
	missingTime    = 250 * time.Millisecond
	redeliverFirst = 20 * time.Millisecond
	redeliverLast  = 2 * time.Second
)

// reading is what is read: events or material.
type reading interface {
	open(ctx context.Context, found seen) (after uint64, err error)
	deliver(ctx context.Context, batch []jetstream.Msg) error
	announced(ctx context.Context, head es.Head)
	owner() string // whose heads are announced
}

// keepReading repeats reading sessions until ctx ends, or the cursor was moved.
func (c *Conn) keepReading(ctx context.Context, stream string, what reading) error {
	beats, unsubscribe := c.headsOf(what.owner())
	defer unsubscribe()
	for failures := 0; ; {
		if err := c.awaitConnection(ctx); err != nil {
			return err
		}
		began := time.Now()
		err := c.readSession(ctx, stream, what, beats)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errRewind) {
			return err
		}
		if time.Since(began) > 3*idleBeat {
			failures = 0
		}
		failures++
		delay := backoff(failures, 10*time.Millisecond, time.Second)
		if errors.Is(err, errMissing) {
			delay = missingTime
		} else {
			c.log.Debug("reading a stream begins again", "stream", stream, "cause", err)
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
	}
}

// readSession looks at the stream, makes a consumer that dies with the session
// and reads until anything is amiss. Its consumer is ordered and unacknowledged:
// the cursor is the reader's own.
func (c *Conn) readSession(ctx context.Context, stream string, what reading, beats <-chan es.Head) error {
	again := c.reconnected()
	found, err := c.look(ctx, stream)
	if err != nil {
		return err
	}
	after, err := what.open(ctx, found)
	if err != nil {
		return err
	}
	setup, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	consumer, err := found.stream.CreateConsumer(setup, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       after + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: consumerLife,
	})
	if err != nil {
		return fmt.Errorf("read stream %s: %w", stream, err)
	}
	queue := newQueue()
	defer queue.close(nil)
	consuming, err := consumer.Consume(queue.put,
		jetstream.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes),
		jetstream.PullHeartbeat(idleBeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if !errors.Is(err, jetstream.ErrMaxBytesExceeded) {
				queue.close(err)
			}
		}))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", stream, err)
	}
	defer c.discard(ctx, found.stream, consumer.CachedInfo().Name)
	defer consuming.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again:
			return errors.New("NATS is back")
		case head := <-beats:
			what.announced(ctx, head)
		case <-queue.ready:
			batch, err := queue.take()
			for len(batch) > 0 {
				part := batch[:min(len(batch), deliverBatch)]
				if err := what.deliver(ctx, part); err != nil {
					return err
				}
				batch = batch[len(part):]
			}
			if err != nil {
				return err
			}
		}
	}
}

// discard takes a consumer away; if that fails it dies of neglect.
func (c *Conn) discard(ctx context.Context, stream jetstream.Stream, consumer string) {
	if !c.Connected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatInterval)
	defer cancel()
	if err := stream.DeleteConsumer(ctx, consumer); err != nil {
		c.log.Debug("a consumer was not deleted", "consumer", consumer, "error", err)
	}
}

// headsOf hears what a service announces; only the newest is kept.
func (c *Conn) headsOf(service string) (<-chan es.Head, func()) {
	heads := make(chan es.Head, 1)
	if c.external {
		return heads, func() {}
	}
	sub, err := c.nc.Subscribe(serviceSubject+service+".*", func(m *nats.Msg) {
		var beat serviceBeat
		if json.Unmarshal(m.Data, &beat) != nil || beat.Service != service {
			return
		}
		select {
		case <-heads:
		default:
		}
		select {
		case heads <- beat.head():
		default:
		}
	})
	if err != nil {
		return heads, func() {}
	}
	return heads, func() { _ = sub.Unsubscribe() }
}

// queue holds messages between NATS's callback and the sink. When it is full the
// callback waits, so that the server sends no more than was pulled.
type queue struct {
	ready chan struct{}

	mu     sync.Mutex
	room   sync.Cond
	held   []jetstream.Msg
	bytes  int
	closed bool
	cause  error
}

func newQueue() *queue {
	q := &queue{ready: make(chan struct{}, 1)}
	q.room.L = &q.mu
	return q
}

func (q *queue) put(m jetstream.Msg) {
	q.mu.Lock()
	for !q.closed && (len(q.held) >= 2*pullMessages || q.bytes >= pullBytes) {
		q.room.Wait()
	}
	if !q.closed {
		q.held = append(q.held, m)
		q.bytes += len(m.Data())
	}
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take answers everything that is held, and why no more will come.
func (q *queue) take() ([]jetstream.Msg, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.held
	q.held, q.bytes = nil, 0
	q.room.Broadcast()
	return batch, q.cause
}

func (q *queue) close(cause error) {
	q.mu.Lock()
	if q.cause == nil {
		q.cause = cause
	}
	q.closed = true
	q.room.Broadcast()
	q.mu.Unlock()
	q.signal()
}
