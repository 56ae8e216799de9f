package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

func testFeed(t *testing.T, a Adapter) {
	t.Run("the feed gives the bytes that were stored", func(t *testing.T) {
		s := one(t, a)
		c := s.put("a", Named{Name: "Ann"}, Priced{1})
		records := s.all()
		same(t, "records", 2, len(records))
		for i, r := range records {
			e, err := events.Decode(r.Body)
			noError(t, err)
			same(t, "event", c.Events[i], e)
			same(t, "record", []any{e.Position, e.ID, e.Type}, []any{r.Position, r.ID, r.Type})
		}
		above := must(s.Since(t.Context(), 1, 10))(t)
		same(t, "above 1", records[1:], above)
		same(t, "at most one", records[:1], must(s.Since(t.Context(), 0, 1))(t))
		same(t, "above the head", 0, len(must(s.Since(t.Context(), 2, 10))(t)))
	})
	t.Run("a commit closes the channel", func(t *testing.T) {
		s := one(t, a)
		changed := s.Changed()
		select {
		case <-changed:
			t.Fatal("it is closed before any commit")
		default:
		}
		s.put("a", Named{})
		select {
		case <-changed:
		case <-time.After(5 * time.Second):
			t.Fatal("it is not closed by the commit")
		}
		if s.Changed() == changed {
			t.Error("the next channel is the old one")
		}
	})
	t.Run("with eight writers on two replicas a reader meets no gap and nothing below its cursor", func(t *testing.T) {
		w := newWorld(t, a)
		replicas := []*store{w.open(Schema()), w.open(Schema())}
		const writers, appends = 8, 25
		total := int64(0)
		var all []func() error
		for i := range writers {
			for j := range appends {
				total += int64(j%3 + 1)
			}
			s := replicas[i%2]
			all = append(all, func() error {
				for j := range appends {
					b := s.batch(fmt.Sprintf("t%d-%d", i, j%5), es.Any, []events.Data{Named{}, Priced{j}, Closed{}}[:j%3+1]...)
					if _, err := s.Append(t.Context(), b); err != nil {
						return err
					}
				}
				return nil
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		reader := w.open(Schema())
		all = append(all, func() error { return readToTheEnd(ctx, reader, total) })
		for _, err := range atOnce(all...) {
			noError(t, err)
		}
		same(t, "head", total, reader.head().Position)
		for i, r := range reader.all() {
			e, err := events.Decode(r.Body)
			noError(t, err)
			same(t, "position", []int64{int64(i) + 1, int64(i) + 1}, []int64{r.Position, e.Position})
		}
	})
}

// readToTheEnd reads as a relay does, from its cursor on, until it has come to a
// position. Whatever it has read before must still be all that there is up to
// its cursor.
func readToTheEnd(ctx context.Context, s *store, end int64) error {
	cursor, last := int64(0), time.Time{}
	for cursor < end {
		records, err := s.Since(ctx, cursor, 7)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Position != cursor+1 {
				return fmt.Errorf("after %d came %d", cursor, r.Position)
			}
			e, err := events.Decode(r.Body)
			if err != nil {
				return err
			}
			if e.Time.Before(last) {
				return fmt.Errorf("event %d is earlier than its predecessor", r.Position)
			}
			cursor, last = r.Position, e.Time
		}
		head, err := s.Head(ctx)
		if err != nil {
			return err
		}
		if head.Position < cursor {
			return fmt.Errorf("the head is at %d after %d was read", head.Position, cursor)
		}
	}
	return nil
}
