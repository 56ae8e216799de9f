package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidegate-io/tidegate/libs/es"
)

// headTime bounds one question for a head.
const headTime = time.Second

// serviceBeat is a service's heartbeat, and its answer to the question how far
// it is.
type serviceBeat struct {
	Service  string `json:"service"`
	Instance string `json:"instance"`
	Epoch    string `json:"epoch"`
	Position int64  `json:"position"`
	Material int64  `json:"material"`
	Error    string `json:"error,omitempty"`
	// Of the key ring, when the service has it.
	KeyIDs     []string `json:"key_ids,omitempty"`
	ActiveKeys []string `json:"active_keys,omitempty"`
}

func (b serviceBeat) head() es.Head {
	return es.Head{Epoch: b.Epoch, Position: b.Position, Material: b.Material}
}

// ServeHead answers, from SQL, how far a service is, and announces it each
// second and on change. It blocks until ctx ends, and returns its error. Of
// several replicas one answers. While SQL cannot be read it announces nothing
// and answers that it does not know.
func (c *Conn) ServeHead(ctx context.Context, service string, feed es.Feed) error {
	answers, err := c.nc.QueueSubscribe(headSubject+service, "head", func(m *nats.Msg) {
		if err := m.Respond(c.beat(ctx, service, feed)); err != nil {
			c.log.Debug("a head was not answered", "service", service, "error", err)
		}
	})
	if err != nil {
		return fmt.Errorf("serve the head of %s: %w", service, err)
	}
	defer func() { _ = answers.Unsubscribe() }()

	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	for {
		changed, again, last := feed.Changed(), c.reconnected(), time.Now()
		if c.Connected() {
			c.announce(service, c.beat(ctx, service, feed))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-again:
		case <-changed:
			if err := pause(ctx, time.Until(last.Add(coalesceTime))); err != nil {
				return err
			}
		}
	}
}

func (c *Conn) announce(service string, beat []byte) {
	var b serviceBeat
	if json.Unmarshal(beat, &b) == nil && b.Error != "" {
		return
	}
	if err := c.nc.Publish(serviceSubject+service+"."+c.instance, beat); err != nil {
		c.log.Debug("a head was not announced", "service", service, "error", err)
	}
}

func (c *Conn) beat(ctx context.Context, service string, feed es.Feed) []byte {
	ctx, cancel := context.WithTimeout(ctx, headTime)
	defer cancel()
	b := serviceBeat{Service: service, Instance: c.instance}
	head, err := feed.Head(ctx)
	if err != nil {
		b.Error = "the head cannot be read" // the cause stays in this service's log
		c.log.Warn("the head cannot be read", "service", service, "error", err)
	} else {
		b.Epoch, b.Position, b.Material = head.Epoch, head.Position, head.Material
	}
	if keys := c.keys.Load(); keys != nil {
		b.KeyIDs, b.ActiveKeys = (*keys)()
	}
	body, _ := json.Marshal(b) // texts and numbers alone: cannot fail
	return body
}

// Heads asks services how far their SQL is at this moment. missing are those
// that did not answer before ctx ended, one second at most; when NATS is away
// all are, at once.
func (c *Conn) Heads(ctx context.Context, services ...string) (heads map[string]es.Head, missing []string) {
	ctx, cancel := context.WithTimeout(ctx, headTime)
	defer cancel()
	answers := make([]*es.Head, len(services))
	var asked sync.WaitGroup
	for i, service := range services {
		asked.Go(func() {
			if head, err := c.head(ctx, service); err == nil {
				answers[i] = &head
			}
		})
	}
	asked.Wait()
	heads = make(map[string]es.Head, len(services))
	for i, service := range services {
		if answers[i] == nil {
			missing = append(missing, service)
		} else {
			heads[service] = *answers[i]
		}
	}
	return heads, missing
}

// head asks one service. One that nobody answers for is asked again for a
// moment: it may be changing replicas.
func (c *Conn) head(ctx context.Context, service string) (es.Head, error) {
	for attempt := 1; ; attempt++ {
		m, err := c.nc.RequestWithContext(ctx, headSubject+service, nil)
		if err == nil {
			var b serviceBeat
			if err := json.Unmarshal(m.Data, &b); err != nil || b.Service != service {
				return es.Head{}, fmt.Errorf("%w: %s answered what is not a head", ErrUnreachable, service)
			}
			if b.Error == "" {
				return b.head(), nil
			}
			err = errors.New(b.Error)
		} else if !errors.Is(err, nats.ErrNoResponders) {
			return es.Head{}, fmt.Errorf("%w: %s: %w", ErrUnreachable, service, err)
		}
		if attempt == headAttempts {
			return es.Head{}, fmt.Errorf("%w: %s: %w", ErrUnreachable, service, err)
		}
		if err := pause(ctx, backoff(attempt, 20*time.Millisecond, 100*time.Millisecond)); err != nil {
			return es.Head{}, err
		}
	}
}

const headAttempts = 4
