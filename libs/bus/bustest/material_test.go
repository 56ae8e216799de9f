package bustest_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

func TestErasedMaterialIsGoneFromTheServersFiles(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "credential")
	put(s, "kept", "sealed bytes of the kept one")
	relay, _ := s.relay(server.URL())
	s.relayOf(server.URL(), s.open())
	relayed := func() {
		t.Helper()
		eventually(t, "material is relayed", func() bool { return relay.Status().Material == s.head().Material })
	}
	for _, id := range []string{"first", "middle", "last"} {
		put(s, id, "sealed bytes of the "+id+" one")
	}
	relayed()
	for _, id := range []string{"first", "middle", "last"} {
		if !inFiles(t, server.Dir(), "sealed bytes of the "+id+" one") {
			t.Fatalf("%s is not on disk: the test looks for the wrong bytes", id)
		}
	}
	for _, id := range []string{"last", "first"} { // the last message of all, and one before others
		erase(s, id)
	}
	relayed()
	want := map[string]string{"kept.1": "sealed bytes of the kept one", "first.1": "", "middle.1": "sealed bytes of the middle one", "last.1": ""}
	eventually(t, "the newest alone is there", func() bool { return fmt.Sprint(materialOf(t, server.URL())) == fmt.Sprint(want) })
	for id, there := range map[string]bool{"kept": true, "middle": true, "first": false, "last": false} {
		if inFiles(t, server.Dir(), "sealed bytes of the "+id+" one") != there {
			t.Errorf("%s is on disk: %v, want %v", id, !there, there)
		}
	}
	s.sameAsSQL(server.URL())
}

// A relay may die between the two steps of an erasure: the message is gone, and
// what replaces it has not come. Whoever follows takes that for no hole.
func TestAnErasureThatWasBegunIsEnded(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "credential")
	put(s, "first", "one")
	put(s, "last", "two")
	_, stop := s.relay(server.URL())
	eventually(t, "it is there", func() bool { return len(materialOf(t, server.URL())) == 2 })
	stop()
	stream, err := js(t, server.URL()).Stream(t.Context(), bus.MaterialStream)
	if err != nil {
		t.Fatal(err)
	}
	made := stream.CachedInfo().Created
	erase(s, "last")
	for _, sequence := range []uint64{2, 1} { // then the tail alone, then all
		if err := stream.SecureDeleteMsg(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
		if sequence == 1 {
			erase(s, "first")
		}
		relay, stop := s.relay(server.URL())
		eventually(t, "the erasure is published", func() bool { return relay.Status().Material == s.head().Material })
		stop()
	}
	if got := fmt.Sprint(materialOf(t, server.URL())); got != fmt.Sprint(map[string]string{"first.1": "", "last.1": ""}) {
		t.Errorf("the stream has %s", got)
	}
	if again, err := stream.Info(t.Context()); err != nil || !again.Created.Equal(made) {
		t.Errorf("the stream was made anew: %v, %v", again, err)
	}
	s.sameAsSQL(server.URL())
}

func inFiles(t *testing.T, dir, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // files come and go meanwhile
		}
		raw, err := os.ReadFile(path)
		found = found || err == nil && bytes.Contains(raw, []byte(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAStreamOfMaterialInWhichNothingCanBeOverwrittenIsMadeAnew(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "credential")
	put(s, "first", "one")
	relay, stop := s.relay(server.URL())
	eventually(t, "it is relayed", func() bool { return relay.Status().Material == s.head().Material })
	stop()
	bare := js(t, server.URL())
	stream, err := bare.Stream(t.Context(), bus.MaterialStream)
	if err != nil {
		t.Fatal(err)
	}
	locked := stream.CachedInfo().Config
	locked.DenyDelete = true
	if _, err := bare.UpdateStream(t.Context(), locked); err != nil {
		t.Fatal(err)
	}
	erase(s, "first")
	relay, _ = s.relay(server.URL())
	eventually(t, "the erasure is relayed", func() bool { return relay.Status().Material == s.head().Material })
	if got := fmt.Sprint(materialOf(t, server.URL())); got != fmt.Sprint(map[string]string{"first.1": ""}) {
		t.Errorf("the stream has %s", got)
	}
	s.sameAsSQL(server.URL())
}
