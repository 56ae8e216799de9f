package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/services/gateway/internal/journal"
)

var mine = journal.ID{1, 2, 3}

func read(t *testing.T, path string) (frames []string, good int64, err error) {
	t.Helper()
	good, err = journal.Read(path, mine, func(payload []byte) error {
		frames = append(frames, string(payload))
		return nil
	})
	return frames, good, err
}

func create(t *testing.T, frames ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "journal")
	l, err := journal.Create(path, mine)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		l.Append([]byte(f))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatWasSyncedIsReadBack(t *testing.T) {
	path := create(t, "one", "two")
	frames, good, err := read(t, path)
	if err != nil || !slices.Equal(frames, []string{"one", "two"}) {
		t.Fatalf("%q, %v", frames, err)
	}
	l, err := journal.Continue(path, mine, good)
	if err != nil {
		t.Fatal(err)
	}
	l.Append([]byte("three"))
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	if frames, _, err := read(t, path); err != nil || !slices.Equal(frames, []string{"one", "two", "three"}) {
		t.Fatalf("%q, %v", frames, err)
	}
}

func TestATornTailIsCutWhereverItIsTorn(t *testing.T) {
	whole, err := os.ReadFile(create(t, "one", "two"))
	if err != nil {
		t.Fatal(err)
	}
	afterOne := len(whole) - 8 - len("two")
	for size := range len(whole) {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		frames, good, err := read(t, path)
		if whole := size == afterOne || size == afterOne-8-len("one"); whole != (err == nil) || err != nil && !errors.Is(err, journal.ErrTorn) {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if want := size >= afterOne; want != slices.Equal(frames, []string{"one"}) {
			t.Fatalf("%d bytes: %q", size, frames)
		}
		l, err := journal.Continue(path, mine, good)
		if err != nil {
			t.Fatal(err)
		}
		l.Append([]byte("next"))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got, _, err := read(t, path); err != nil || !slices.Equal(got, append(frames, "next")) {
			t.Fatalf("%d bytes, continued: %q, %v", size, got, err)
		}
	}
}

func TestAChangedByteIsFound(t *testing.T) {
	path := create(t, "one", "two")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		changed := slices.Clone(whole)
		changed[at] ^= 0x40
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if frames, _, err := read(t, path); err == nil {
			t.Fatalf("byte %d: read %q", at, frames)
		}
	}
}

func TestAnotherStoresFileIsRefused(t *testing.T) {
	path := create(t, "one")
	if _, err := journal.Read(path, journal.ID{9}, func([]byte) error { return nil }); !errors.Is(err, journal.ErrForeign) {
		t.Error(err)
	}
}

func TestSyncsShareTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	l, err := journal.Create(path, mine)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 50 {
				l.Append(fmt.Appendf(nil, "%d/%d", w, i))
				if err := l.Sync(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if frames, _, err := read(t, path); err != nil || len(frames) != 400 {
		t.Errorf("%d frames, %v", len(frames), err)
	}
}

func TestARotatedJournalGoesOnInTheNextFile(t *testing.T) {
	first := filepath.Join(t.TempDir(), "1")
	l, err := journal.Create(first, mine)
	if err != nil {
		t.Fatal(err)
	}
	l.Append([]byte("one"))
	second := filepath.Join(filepath.Dir(first), "2")
	if err := l.Rotate(second); err != nil {
		t.Fatal(err)
	}
	l.Append([]byte("two"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	before, _, err1 := read(t, first)
	after, _, err2 := read(t, second)
	if err := errors.Join(err1, err2); err != nil || !slices.Equal(before, []string{"one"}) || !slices.Equal(after, []string{"two"}) {
		t.Errorf("%q, %q, %v", before, after, err)
	}
	if err := l.Sync(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed journal syncs: %v", err)
	}
}

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	if err := journal.Write(path, mine, func(frame func([]byte) error) error { return frame([]byte("state")) }); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	if err := journal.Write(path, mine, func(frame func([]byte) error) error {
		return errors.Join(frame([]byte("half")), failed)
	}); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if frames, _, err := read(t, path); err != nil || !slices.Equal(frames, []string{"state"}) {
		t.Errorf("%q, %v", frames, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
