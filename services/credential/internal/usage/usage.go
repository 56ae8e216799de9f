// Package usage takes gateways' reports of uses. Each report takes effect once,
// whatever comes again: the facts that it changes and the cursor of who sent it
// move in one transaction. Uses are no events: they may be ten thousand a second,
// and nothing is decided by them.
//
// A database that is restored to an earlier point has the uses of that point.
package usage

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// Taker takes reports into a store. Any number of replicas may.
type Taker struct {
	Store es.Foreign
	Clock func() time.Time
}

// Take takes one report, unless it was taken before.
func (t Taker) Take(ctx context.Context, b bus.UsageBatch) error {
	source := Source(b.Gateway, b.Boot)
	to := es.Cursor{Epoch: b.Boot, Position: b.Sequence}
	for {
		from, err := t.Store.Cursor(ctx, es.FactsSubscriber, source)
		if err != nil {
			return err
		}
		if from.Position >= b.Sequence {
			return nil
		}
		err = t.Store.Absorb(ctx, es.Absorption{
			Subscriber: es.FactsSubscriber, Source: source, From: from, To: to, Events: t.events(b),
		})
		if !errors.Is(err, es.ErrCursor) { // another replica was given it, too
			return err
		}
	}
}

// Source names the cursor of one boot of a gateway. A boot that comes later has
// another, so that what one sent before it died may come after what the next
// one sends.
func Source(gateway, boot string) string { return views.UsageSource + "/" + gateway + "/" + boot }

// events are a report's uses. None is later than now: a gateway's clock that is
// ahead must not keep a credential from ever seeming unused.
func (t Taker) events(b bus.UsageBatch) []es.Received {
	now := t.Clock()
	all := make([]es.Received, len(b.Uses))
	for i, use := range b.Uses {
		last := use.Last
		if last.After(now) {
			last = now
		}
		used := views.Used{CredentialID: use.Credential, Count: use.Count, Last: last.UTC().Truncate(time.Millisecond)}
		all[i] = es.Received{Data: used, Envelope: events.Envelope{Type: used.EventType(), Position: b.Sequence, Time: now}}
	}
	return all
}
