package bustest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
)

// fold is a sink that keeps what it was given, and every fault of the order in
// which it came.
type fold struct {
	mu     sync.Mutex
	cursor es.Cursor
	ids    []string
	resets int
	tail   int64
	faults []string
	refuse func(batch []bus.Message) error
	taken  time.Duration // how long a delivery takes
}

func (f *fold) Deliver(ctx context.Context, batch []bus.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		if err := f.refuse(batch); err != nil {
			return err
		}
	}
	time.Sleep(f.taken)
	for _, m := range batch {
		if m.Position <= f.cursor.Position {
			continue // delivered before, and taken
		}
		e, err := events.Decode(m.Body)
		if err != nil || e.Position != m.Position || m.Position != f.cursor.Position+1 || (f.cursor.Epoch != "" && m.Epoch != f.cursor.Epoch) {
			f.faults = append(f.faults, fmt.Sprintf("%d (%d, %s) after %v: %v", m.Position, e.Position, m.Epoch, f.cursor, err))
		}
		if bus.ContextOf(e.Type) == "" || m.Header["traceparent"] != e.TraceParent {
			f.faults = append(f.faults, fmt.Sprintf("%d: header %v", m.Position, m.Header))
		}
		f.cursor = es.Cursor{Epoch: m.Epoch, Position: m.Position}
		f.ids = append(f.ids, e.ID)
	}
	return nil
}

func (f *fold) Reset(_ context.Context, epoch string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resets++
	f.cursor, f.ids = es.Cursor{Epoch: epoch}, nil
	return nil
}

func (f *fold) Tail(_ context.Context, position int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tail = position
}

func (f *fold) at() es.Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cursor
}

// isSQL waits until the fold has all of SQL, and compares.
func (f *fold) isSQL(s *service) {
	s.t.Helper()
	head := s.head()
	eventually(s.t, fmt.Sprintf("the sink has %d events of epoch %s", head.Position, head.Epoch), func() bool {
		return f.at() == es.Cursor{Epoch: head.Epoch, Position: head.Position}
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.faults) > 0 {
		s.t.Fatalf("faults of delivery: %v", f.faults)
	}
	records, err := s.store.Since(context.Background(), 0, int(head.Position)+1)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(records) != len(f.ids) {
		s.t.Fatalf("%d events in SQL, %d in the sink", len(records), len(f.ids))
	}
	for i, record := range records {
		if record.ID != f.ids[i] {
			s.t.Fatalf("position %d: %s in SQL, %s in the sink", i+1, record.ID, f.ids[i])
		}
	}
}

func follow(t testing.TB, url, context_ string, sink bus.Sink) {
	t.Helper()
	conn := connect(t, url)
	run(t, func(ctx context.Context) error { return conn.Replay(ctx, context_, es.Cursor{}, sink) })
}

func TestReplayGivesEveryEventInOrder(t *testing.T) {
	t.Run("before and after it began, and though the server is killed", func(t *testing.T) {
		server := bustest.Start(t)
		s := newService(t, "consumer")
		s.relay(server.URL())
		s.commit(300)
		sink := &fold{}
		follow(t, server.URL(), "consumer", sink)
		sink.isSQL(s)
		for range 3 {
			s.commit(100)
			server.Restart()
			s.commit(100)
		}
		sink.isSQL(s)
	})
	t.Run("a stream that does not exist yet is waited for", func(t *testing.T) {
		server := bustest.Start(t)
		s := newService(t, "consumer")
		sink := &fold{}
		follow(t, server.URL(), "consumer", sink)
		s.commit(10)
		s.relay(server.URL())
		sink.isSQL(s)
	})
	t.Run("it goes on from a cursor", func(t *testing.T) {
		server := bustest.Start(t)
		s := newService(t, "consumer")
		s.commit(100)
		s.relay(server.URL())
		s.sameAsSQL(server.URL())
		conn := connect(t, server.URL())
		sink := &fold{cursor: es.Cursor{Epoch: s.head().Epoch, Position: 60}}
		run(t, func(ctx context.Context) error { return conn.Replay(ctx, "consumer", sink.cursor, sink) })
		eventually(t, "the sink is at the end", func() bool { return sink.at().Position == 100 })
		if len(sink.ids) != 40 || len(sink.faults) > 0 || sink.resets > 0 {
			t.Fatalf("%d events, %d resets, faults %v", len(sink.ids), sink.resets, sink.faults)
		}
	})
	t.Run("a stream that was deleted, holed or cut short is read on once it is whole", func(t *testing.T) {
		server := bustest.Start(t)
		s := newService(t, "consumer")
		s.commit(100)
		s.relay(server.URL())
		sink := &fold{}
		follow(t, server.URL(), "consumer", sink)
		sink.isSQL(s)
		if err := js(t, server.URL()).DeleteStream(t.Context(), bus.Stream("consumer")); err != nil {
			t.Fatal(err)
		}
		s.commit(50)
		sink.isSQL(s)
		server.Kill()
		old := copyDir(t, server.Dir())
		server.Restart()
		s.commit(50)
		sink.isSQL(s)
		server.Kill()
		replaceDir(t, server.Dir(), old)
		server.Restart()
		s.commit(1)
		sink.isSQL(s)
		if sink.resets > 0 {
			t.Fatalf("%d resets in one epoch", sink.resets)
		}
	})
}

func TestASinkThatFailsOrIsSlowLosesNothing(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "consumer")
	s.commit(3000)
	s.relay(server.URL())
	s.sameAsSQL(server.URL())

	t.Run("what it refuses comes again", func(t *testing.T) {
		refusals := 0
		sink := &fold{}
		sink.refuse = func(batch []bus.Message) error {
			if refusals++; refusals%3 != 0 {
				return errors.New("not now")
			}
			return nil
		}
		follow(t, server.URL(), "consumer", sink)
		sink.isSQL(s)
	})
	t.Run("a slow one gets everything", func(t *testing.T) {
		sink := &fold{taken: 50 * time.Millisecond}
		follow(t, server.URL(), "consumer", sink)
		sink.isSQL(s)
	})
}

// sealed is a sink of material.
type sealed struct {
	mu     sync.Mutex
	cursor bus.MaterialCursor
	kept   map[string]string
	resets int
	count  int
	last   int64
	tail   int64
}

func (m *sealed) Cursor() bus.MaterialCursor { return m.cursor }

func (m *sealed) Deliver(_ context.Context, batch []bus.MaterialMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range batch {
		m.cursor, m.last = one.Cursor, one.Position
		m.kept[one.Key] = string(one.Sealed)
		m.count++
	}
	return nil
}

func (m *sealed) Reset(_ context.Context, incarnation string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resets++
	m.kept, m.cursor = map[string]string{}, bus.MaterialCursor{Incarnation: incarnation}
	return nil
}

func (m *sealed) Tail(_ context.Context, position int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tail = position
}

func (m *sealed) has(want map[string]string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(m.kept) == fmt.Sprint(want)
}

func TestReplayOfMaterialGivesTheNewestOfEveryKey(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "credential")
	s.relay(server.URL())
	want := map[string]string{}
	for i := range 50 {
		id := fmt.Sprintf("cred_%d", i)
		put(s, id, "a")
		want[id+".1"] = "a"
	}
	sink := &sealed{}
	conn := connect(t, server.URL())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = conn.ReplayMaterial(ctx, sink) }()
	eventually(t, "it has all", func() bool { return sink.has(want) })
	put(s, "cred_3", "b")
	erase(s, "cred_4")
	want["cred_3.1"], want["cred_4.1"] = "b", ""
	eventually(t, "it has the changes", func() bool { return sink.has(want) })
	if sink.resets != 1 || sink.last != s.head().Material {
		t.Fatalf("%d resets, position %d", sink.resets, sink.last)
	}
	server.Restart()
	put(s, "cred_5", "c")
	want["cred_5.1"] = "c"
	eventually(t, "it has what came after a crash of the server", func() bool { return sink.has(want) })
	if sink.resets != 1 {
		t.Fatal("the stream is the same, and was read again")
	}
	stop()
	<-done

	before := sink.count
	put(s, "cred_6", "d")
	want["cred_6.1"] = "d"
	run(t, func(ctx context.Context) error { return conn.ReplayMaterial(ctx, sink) })
	eventually(t, "it goes on from its cursor", func() bool { return sink.has(want) })
	if sink.resets != 1 || sink.count != before+1 {
		t.Fatalf("%d resets, %d messages more", sink.resets, sink.count-before)
	}
	if err := js(t, server.URL()).DeleteStream(t.Context(), bus.MaterialStream); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a stream that was made anew is read from its start", func() bool {
		sink.mu.Lock()
		resets := sink.resets
		sink.mu.Unlock()
		return resets == 2 && sink.has(want)
	})
}
