package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/events"
)

// What a stream's metadata says about it. An epoch's messages all live in one
// stream: a new epoch makes the stream anew.
const (
	metaEpoch = "tidegate-epoch"
	// metaNext is the epoch that a bump has announced before it wrote SQL, so
	// that a relay that finds SQL in that epoch knows that this stream is to be
	// made anew, and not that SQL was restored.
	metaNext = "tidegate-next-epoch"
)

// eventStream is how a context's stream is made: nothing is ever dropped, and
// nothing can be taken out of it.
func (c *Conn) eventStream(context, epoch string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        Stream(context),
		Description: "Every event of the " + context + " service; the sequence is the event's position.",
		Subjects:    []string{events.SubjectPrefix + word(context) + ".>"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    c.replicas,
		DenyDelete:  true,
		DenyPurge:   true,
		Metadata:    map[string]string{metaEpoch: epoch},
	}
}

// materialConfig is how the stream of material is made: the newest of each
// secret version alone. Messages can be deleted, by the owner: what was erased is
// overwritten where it lies.
func (c *Conn) materialConfig(epoch string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              materialStream,
		Description:       "What gateways need to verify secrets, sealed; the newest of each secret version.",
		Subjects:          []string{materialSubject + ">"},
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Replicas:          c.replicas,
		MaxMsgsPerSubject: 1,
		DenyPurge:         true,
		Metadata:          map[string]string{metaEpoch: epoch},
	}
}

// seen is a stream as it was found.
type seen struct {
	stream jetstream.Stream
	state  jetstream.StreamState
	config jetstream.StreamConfig
	made   time.Time
	tail   *jetstream.RawStreamMsg // its last message; nil: it has none
}

func (s seen) epoch() string { return s.config.Metadata[metaEpoch] }

func (s seen) last() int64 { return int64(s.state.LastSeq) }

// incarnation changes when the stream was made anew.
func (s seen) incarnation() string { return fmt.Sprintf("%s/%d", s.epoch(), s.made.UnixNano()) }

// holed says whether a message that was there is not. A compacted stream has
// gaps of its own, so it is not asked.
func (s seen) holed() bool {
	return s.state.Msgs != s.state.LastSeq || s.state.NumDeleted > 0 || (s.state.Msgs > 0 && s.state.FirstSeq != 1)
}

// look answers a stream and its last message. errMissing only when the server
// says that there is no such stream; errMoved when it grows too fast to be seen
// at rest.
func (c *Conn) look(ctx context.Context, name string) (seen, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	for range 3 {
		stream, err := c.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return seen{}, errMissing
		}
		if err != nil {
			return seen{}, fmt.Errorf("look at stream %s: %w", name, err)
		}
		info := stream.CachedInfo()
		found := seen{stream: stream, state: info.State, config: info.Config, made: info.Created}
		if found.state.Msgs == 0 {
			return found, nil
		}
		found.tail, err = stream.GetMsg(ctx, found.state.LastSeq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			found.tail, err = stream.GetLastMsgForSubject(ctx, found.config.Subjects[0])
		}
		if err != nil {
			return seen{}, fmt.Errorf("read the last message of stream %s: %w", name, err)
		}
		if found.tail.Sequence <= found.state.LastSeq {
			return found, nil
		}
		// A newer message of the same subject has taken its place meanwhile.
	}
	return seen{}, errMoved
}

// create makes a stream that does not exist. That another replica has just done
// so is no error.
func (c *Conn) create(ctx context.Context, config jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	_, err := c.js.CreateStream(ctx, config)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return fmt.Errorf("make stream %s: %w", config.Name, err)
	}
	return nil
}

// rebuildTime is how long the right to make a stream anew lasts. It is longer
// than judging, deleting and creating may take together.
const rebuildTime = 30 * time.Second

// rebuild replaces a stream by an empty one. Of all who find it unfit at once,
// one does it: the right to is a message that only one can publish and that
// expires. Under it the stream is judged again, and left alone when it is not
// unfit any more.
func (c *Conn) rebuild(ctx context.Context, config jetstream.StreamConfig, judge func(context.Context) error) error {
	release, err := c.claimRebuild(ctx, config.Name)
	if err != nil {
		return err
	}
	defer release()
	switch err := judge(ctx); {
	case errors.Is(err, errMissing):
		return c.create(ctx, config)
	case errors.Is(err, errHoled), errors.Is(err, errOutdated):
		c.log.Warn("making a stream anew from SQL", "stream", config.Name, "cause", err)
	default:
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	if err := c.js.DeleteStream(ctx, config.Name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("delete stream %s: %w", config.Name, err)
	}
	return c.create(ctx, config)
}

// adjust brings a stream's number of replicas and its protection to what is
// configured. A cluster that cannot do so now is asked again when the stream is
// looked at next.
func (c *Conn) adjust(ctx context.Context, found seen) {
	config := found.config
	denyDelete := config.DenyDelete || config.Name != materialStream
	if config.Replicas == c.replicas && config.DenyDelete == denyDelete && config.DenyPurge {
		return
	}
	config.Replicas, config.DenyDelete, config.DenyPurge = c.replicas, denyDelete, true
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	if _, err := c.js.UpdateStream(ctx, config); err != nil {
		c.log.Warn("a stream's settings were not changed", "stream", config.Name, "replicas", c.replicas, "error", err)
	}
}

// claimRebuild takes the right to make a stream anew. errMoved when another has
// it.
func (c *Conn) claimRebuild(ctx context.Context, name string) (release func(), err error) {
	lock, subject := rebuildPrefix+name, rebuildSubject+name
	err = c.create(ctx, jetstream.StreamConfig{
		Name:                 lock,
		Description:          "Who is making " + name + " anew.",
		Subjects:             []string{subject},
		Storage:              jetstream.MemoryStorage,
		Replicas:             c.replicas,
		Discard:              jetstream.DiscardNew,
		DiscardNewPerSubject: true,
		MaxMsgsPerSubject:    1,
		MaxAge:               rebuildTime,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	if _, err := c.js.Publish(ctx, subject, []byte(c.instance)); err != nil {
		return nil, fmt.Errorf("%w: %w", errMoved, err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTime)
		defer cancel()
		stream, err := c.js.Stream(ctx, lock)
		if err == nil {
			err = stream.Purge(ctx)
		}
		if err != nil {
			c.log.Warn("the right to make a stream anew was not given back; it expires", "stream", name, "error", err)
		}
	}, nil
}
