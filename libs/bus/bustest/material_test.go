package bustest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
)

// slowFeed is SQL as a relay sees it that is held up between reading and
// publishing.
type slowFeed struct {
	es.Feed
	read func(call int, since func() ([]es.MaterialRecord, error)) ([]es.MaterialRecord, error)

	mu    sync.Mutex
	calls int
}

func (f *slowFeed) MaterialSince(ctx context.Context, position int64, limit int) ([]es.MaterialRecord, error) {
	f.mu.Lock()
	f.calls++
	call := f.calls
	f.mu.Unlock()
	return f.read(call, func() ([]es.MaterialRecord, error) { return f.Feed.MaterialSince(ctx, position, limit) })
}

// Of two replicas the one has read that a key was put; the other reads later,
// when the same key was put anew and another key before that. What the first
// publishes must not make room for what the second has further on.
func TestMaterialOfTwoRelaysThatReadAtDifferentMoments(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "credential")
	s.commit(1)
	put(s, "first", "old")
	bare := js(t, server.URL())
	last := func() uint64 {
		found, err := bare.Stream(context.Background(), bus.MaterialStream) // relays end after the test's context
		if err != nil {
			return 0
		}
		return found.CachedInfo().State.LastSeq
	}
	early, late := make(chan struct{}), make(chan struct{})
	firstly := &slowFeed{Feed: s.open(), read: func(call int, since func() ([]es.MaterialRecord, error)) ([]es.MaterialRecord, error) {
		switch call {
		case 1:
			records, err := since()
			close(early)
			<-late
			return records, err
		case 2:
			eventually(t, "the late relay has published", func() bool { return last() > 1 })
		}
		return since()
	}}
	secondly := &slowFeed{Feed: s.open(), read: func(call int, since func() ([]es.MaterialRecord, error)) ([]es.MaterialRecord, error) {
		if call > 1 {
			return since()
		}
		<-early
		put(s, "second", "only")
		put(s, "first", "new")
		records, err := since()
		close(late)
		eventually(t, "the early relay has published", func() bool { return last() == 1 })
		return records, err
	}}
	run(t, bus.NewRelay(connect(t, server.URL()), "credential", firstly).Run)
	run(t, bus.NewRelay(connect(t, server.URL()), "credential", secondly).Run)

	want := map[string]string{"first.1": "new", "second.1": "only"}
	eventually(t, "the stream has what SQL has", func() bool { return fmt.Sprint(materialOf(t, server.URL())) == fmt.Sprint(want) })
}
