package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// usageSubject is where gateways report uses; usageGroup are the replicas of the
// service that takes them.
const (
	usageSubject = "tidegate.usage"
	usageGroup   = "usage"
	usageTime    = 5 * time.Second // for one answer
)

// MaxUses bounds a batch, so that it is far below what NATS carries at once.
const MaxUses = 1000

// Use is how often one credential was let through, and when for the last time.
type Use struct {
	Credential string    `json:"credential"`
	Count      int64     `json:"count"`
	Last       time.Time `json:"last"`
}

// UsageBatch is what a gateway has counted since the batch before. A boot is one
// life of a gateway's process; its batches are numbered from 1 without gaps, and
// one that was not acknowledged is sent again as it was, so that who takes them
// can take each once.
type UsageBatch struct {
	Gateway  string `json:"gateway"`
	Boot     string `json:"boot"`
	Sequence int64  `json:"sequence"`
	Uses     []Use  `json:"uses"`
}

// ErrBadUsage: a batch that no gateway sends.
var ErrBadUsage = errors.New("this is no report of uses")

func (b UsageBatch) check() error {
	switch {
	case !plainToken.MatchString(b.Gateway) || !plainToken.MatchString(b.Boot) || b.Sequence < 1:
		return fmt.Errorf("%w: gateway %q, boot %q, sequence %d", ErrBadUsage, b.Gateway, b.Boot, b.Sequence)
	case len(b.Uses) == 0 || len(b.Uses) > MaxUses:
		return fmt.Errorf("%w: %d uses, want 1 to %d", ErrBadUsage, len(b.Uses), MaxUses)
	}
	for _, use := range b.Uses {
		if use.Credential == "" || use.Count < 1 || use.Last.IsZero() {
			return fmt.Errorf("%w: %d uses of %q, last %s", ErrBadUsage, use.Count, use.Credential, use.Last)
		}
	}
	return nil
}

// usageAnswer acknowledges a batch, or says that it was not taken.
type usageAnswer struct {
	Error string `json:"error,omitempty"`
}

// ReportUsage hands a batch to the service that keeps uses, and returns once it
// is kept. After ErrUnreachable nobody knows whether it was: it must be sent
// again as it is, before any later one. ErrBadUsage: it never will be.
func (c *Conn) ReportUsage(ctx context.Context, b UsageBatch) error {
	if err := b.check(); err != nil {
		return err
	}
	body, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadUsage, err)
	}
	ctx, cancel := context.WithTimeout(ctx, usageTime)
	defer cancel()
	m, err := c.nc.RequestWithContext(ctx, usageSubject, body)
	if err != nil {
		return fmt.Errorf("%w: report uses: %w", ErrUnreachable, err)
	}
	var answer usageAnswer
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return fmt.Errorf("%w: report uses: the answer cannot be read", ErrUnreachable)
	}
	if answer.Error != "" {
		return fmt.Errorf("%w: report uses: %s", ErrUnreachable, answer.Error)
	}
	return nil
}

// ServeUsage takes batches until ctx ends, and returns its error. Of several
// replicas one is given each. A batch comes again when its acknowledgement was
// lost: take must take effect once, and is called by one goroutine.
func (c *Conn) ServeUsage(ctx context.Context, take func(context.Context, UsageBatch) error) error {
	sub, err := c.nc.QueueSubscribe(usageSubject, usageGroup, func(m *nats.Msg) {
		body, _ := json.Marshal(c.takeUsage(ctx, m.Data, take)) // a text: cannot fail
		if err := m.Respond(body); err != nil {
			c.log.Debug("a report of uses was not acknowledged", "error", err)
		}
	})
	if err != nil {
		return fmt.Errorf("serve reports of uses: %w", err)
	}
	<-ctx.Done()
	_ = sub.Unsubscribe()
	return ctx.Err()
}

func (c *Conn) takeUsage(ctx context.Context, body []byte, take func(context.Context, UsageBatch) error) usageAnswer {
	ctx, cancel := context.WithTimeout(ctx, usageTime)
	defer cancel()
	var b UsageBatch
	err := json.Unmarshal(body, &b)
	if err == nil {
		err = b.check()
	}
	if err == nil {
		err = take(ctx, b)
	}
	if err == nil {
		return usageAnswer{}
	}
	c.log.Warn("a report of uses was not taken", "gateway", b.Gateway, "sequence", b.Sequence, "error", err)
	return usageAnswer{Error: "it was not taken"} // the cause stays in this service's log
}
