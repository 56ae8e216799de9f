package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// lane is one cursor of a subscriber: that of the references, or of one policy,
// in one source.
type lane struct {
	s            *Subscriber
	name, source string
	cursor       es.Cursor // as SQL was last seen to have it
	checked      time.Time
	rewind       context.CancelFunc // ends the reading, so that it begins again at SQL's cursor
}

// checkTime is how often an idle lane compares its cursor with SQL: a retry in
// another process may have moved it back.
const checkTime = 2 * time.Second

func (l *lane) base() *lane { return l }

func (l *lane) set(cursor es.Cursor) {
	l.cursor, l.checked = cursor, time.Now()
	if l.name == es.FactsSubscriber {
		l.s.fold(l.source, cursor)
	}
}

// move moves the cursor in SQL, with what belongs to it. When another replica was
// faster it answers nil with the cursor where that one has brought it, or
// errRewind when that is not ahead.
func (l *lane) move(ctx context.Context, a es.Absorption) error {
	a.Subscriber, a.Source, a.From = l.name, l.source, l.cursor
	err := l.s.cfg.Store.Absorb(ctx, a)
	if err == nil {
		l.set(a.To)
		return nil
	}
	if !errors.Is(err, es.ErrCursor) {
		return fmt.Errorf("move the cursor of %s: %w", l.name, err)
	}
	now, err := l.s.cfg.Store.Cursor(ctx, l.name, l.source)
	if err != nil {
		return fmt.Errorf("read the cursor of %s: %w", l.name, err)
	}
	if now.Epoch != a.To.Epoch || now.Position < l.cursor.Position {
		return errRewind
	}
	l.set(now)
	return nil
}

// Reset implements Sink: history was rewritten. What was parked of it comes
// again with the new one.
func (l *lane) Reset(ctx context.Context, epoch string) error {
	old, err := l.s.cfg.Store.Parked(ctx, l.name)
	if err != nil {
		return err
	}
	if err := l.move(ctx, es.Absorption{To: es.Cursor{Epoch: epoch}, Reset: true}); err != nil {
		return err
	}
	if l.cursor.Position != 0 {
		return errRewind
	}
	for _, p := range old {
		if p.Source != l.source {
			continue
		}
		if err := l.s.unpark(ctx, []es.Parked{p}); err != nil {
			return err
		}
	}
	return nil
}

// Tail implements Sink.
func (l *lane) Tail(ctx context.Context, _ int64) {
	if time.Since(l.checked) < checkTime {
		return
	}
	now, err := l.s.cfg.Store.Cursor(ctx, l.name, l.source)
	if err != nil {
		return
	}
	l.checked = time.Now()
	if now != l.cursor {
		l.rewind()
	}
}

func parked(m Message, err error) es.Parked {
	return es.Parked{Position: m.Position, Error: err.Error(), Body: m.Body}
}
