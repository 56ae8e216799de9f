package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outgoing is a message with the sequence that it must be given.
type outgoing struct {
	message  *nats.Msg
	sequence uint64
	position int64
}

// fence makes the server take a message only as the given sequence of the given
// stream.
func fence(m *nats.Msg, stream string, sequence uint64) {
	m.Header.Set(jetstream.ExpectedStreamHeader, stream)
	m.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(sequence-1, 10))
}

// refusedError is errMoved with the position that something else had taken. What
// was in flight behind it may have been accepted all the same: its fence is the
// sequence before it, whoever has that.
type refusedError struct {
	position int64
	cause    error
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s: position %d: %s", errMoved, e.position, e.cause)
}
func (e *refusedError) Unwrap() []error { return []error{errMoved, e.cause} }

type pending struct {
	outgoing
	ack jetstream.PubAckFuture
}

// pipeline publishes what next answers, in order and without waiting for each
// acknowledgement, until either fails. next blocks until there is something.
// confirmed is told each position that the stream has at its own sequence.
//
// What is in flight when a publish fails, or ctx ends, is not waited for: the
// caller looks at the stream again either way.
func (c *Conn) pipeline(ctx context.Context, next func(context.Context) ([]outgoing, error), confirmed func(position int64)) error {
	js, err := jetstream.New(c.nc, jetstream.WithPublishAsyncMaxPending(window+1), jetstream.WithPublishAsyncTimeout(ackTime))
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	defer js.CleanupPublisher()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	inFlight := make(chan pending, window-1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for p := range inFlight {
			if ctx.Err() != nil {
				continue // it is refused by its fence, or lands where it belongs
			}
			if err := acknowledged(ctx, p); err != nil {
				stop(err)
				continue
			}
			confirmed(p.position)
		}
	}()
	for ctx.Err() == nil {
		batch, err := next(ctx)
		if err != nil {
			stop(err)
			break
		}
		for _, out := range batch {
			ack, err := js.PublishMsgAsync(out.message, jetstream.WithRetryAttempts(0))
			if err != nil {
				stop(fmt.Errorf("publish position %d: %w", out.position, err))
				break
			}
			select {
			case inFlight <- pending{out, ack}:
				continue
			case <-ctx.Done():
			}
			break
		}
	}
	close(inFlight)
	<-done
	return context.Cause(ctx)
}

// acknowledged waits for one acknowledgement. The sequence must be the one that
// the message was meant for, also when the server has seen it before.
func acknowledged(ctx context.Context, p pending) error {
	timer := time.NewTimer(2 * ackTime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case ack := <-p.ack.Ok():
		if ack.Sequence != p.sequence {
			return &refusedError{position: p.position, cause: fmt.Errorf("it was acknowledged as sequence %d", ack.Sequence)}
		}
		return nil
	case err := <-p.ack.Err():
		if outrun(err) {
			return &refusedError{position: p.position, cause: err}
		}
		return fmt.Errorf("publish position %d: %w", p.position, err)
	case <-timer.C:
		return fmt.Errorf("publish position %d: no acknowledgement: %w", p.position, context.DeadlineExceeded)
	}
}

// outrun says that another relay was faster, or is about to be.
func outrun(err error) bool {
	refused, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return false
	}
	return slices.Contains(faster, refused.ErrorCode)
}

// faster are the server's codes for a place that is taken.
var faster = []jetstream.ErrorCode{
	jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant, duplicateInProcess,
}

// duplicateInProcess is the server's code for a message that it is taking from
// somebody else at this moment.
const duplicateInProcess jetstream.ErrorCode = 10158
