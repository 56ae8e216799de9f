package accesslog_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/accesslog"
)

// run opens a log on a file and writes until stop is called.
func run(t *testing.T, path string) (log *accesslog.Log, stop func()) {
	t.Helper()
	log, err := accesslog.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = log.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(stop)
	return log, stop
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

func TestALineIsOneJSONObjectWhateverIsInIt(t *testing.T) {
	nasty := "a\"b\\c\nd\x00\x7f\xff\u2028é"
	e := accesslog.Entry{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC), RequestID: "r", TraceID: "t", Method: nasty, Host: "h", Path: nasty, Route: "/p", Service: "s",
		Consumer: "c", Credential: "k", Subscription: "u", Code: "rate_limited", Status: 429, Address: netip.MustParseAddr("192.0.2.1"),
	}
	line := string(accesslog.Outcome{Received: 1, Sent: 2, Took: 1500 * time.Microsecond, Upstream: time.Second, Broken: "client"}.Append(e.Append(nil)))
	if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "}\n") {
		t.Errorf("it is not one line: %q", line)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	clean := strings.ToValidUTF8(nasty, "\uFFFD")
	for name, want := range map[string]any{
		"time": "2026-01-02T03:04:05.006Z", "request_id": "r", "trace_id": "t", "method": clean, "host": "h", "path": clean, "route": "/p", "service": "s",
		"consumer": "c", "credential": "k", "subscription": "u", "code": "rate_limited", "status": 429.0, "address": "192.0.2.1",
		"bytes_in": 1.0, "bytes_out": 2.0, "duration_seconds": 0.0015, "upstream_seconds": 1.0, "broken_by": "client",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("beside that it holds %v", got)
	}
}

func TestWhatIsNotKnownIsLeftOut(t *testing.T) {
	line := string(accesslog.Outcome{}.Append(accesslog.Entry{Status: 400}.Append(nil)))
	if want := `{"time":"0001-01-01T00:00:00.000Z","status":400,"bytes_in":0,"bytes_out":0,"duration_seconds":0.000000}` + "\n"; line != want {
		t.Errorf("%s, want %s", line, want)
	}
}

func TestLinesComeInOrderAndTheLastOnesAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	log, stop := run(t, path)
	var want strings.Builder
	line := make([]byte, 0, 16) // the caller's memory is used again
	for i := range 1000 {
		line = append(append(line[:0], time.Duration(i).String()...), '\n')
		want.Write(line)
		log.Add(line)
	}
	stop()
	if got := read(t, path); got != want.String() || log.Dropped() != 0 {
		t.Errorf("%d bytes of %d, %d lines dropped", len(got), want.Len(), log.Dropped())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("anybody may read it: %v %v", info.Mode(), err)
	}
}

func TestAFileThatWasMovedIsFollowedByANewOneAndNothingIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	log, stop := run(t, path)
	log.Add([]byte("before\n"))
	eventually(t, "the first line is there", func() bool { return read(t, path) == "before\n" })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	log.Add([]byte("at once\n"))
	eventually(t, "there is a new file", func() bool { _, err := os.Stat(path); return err == nil })
	log.Add([]byte("after\n"))
	stop()
	if got := read(t, path+".1") + read(t, path); got != "before\nat once\nafter\n" || !strings.Contains(read(t, path), "after") {
		t.Errorf("%q", got)
	}
}

func TestWithNobodyWritingLinesAreDroppedAndCountedAndNobodyWaits(t *testing.T) {
	for name, line := range map[string][]byte{"many": []byte("x\n"), "large": make([]byte, 1<<20)} {
		log, err := accesslog.Open(filepath.Join(t.TempDir(), "access.log"), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		const more = 10
		kept := map[string]int{"many": 16 << 10, "large": 16}[name]
		for range kept + more {
			log.Add(line)
		}
		if got := log.Dropped(); got != more {
			t.Errorf("%s: %d were dropped, want %d", name, got, more)
		}
	}
}

func TestAFileThatRefusesCostsItsLinesAlone(t *testing.T) {
	log, stop := run(t, "/dev/full")
	log.Add([]byte("x\n"))
	eventually(t, "it is counted", func() bool { return log.Dropped() == 1 })
	stop()
}

func TestALogThatIsOffIsNone(t *testing.T) {
	for _, to := range []string{"", accesslog.Off} {
		if log, err := accesslog.Open(to, nil); log != nil || err != nil {
			t.Errorf("%q: %v %v", to, log, err)
		}
	}
	if _, err := accesslog.Open(filepath.Join(t.TempDir(), "missing", "access.log"), nil); err == nil {
		t.Error("a file that cannot be is opened")
	}
}

func BenchmarkAdd(b *testing.B) {
	log, err := accesslog.Open(os.DevNull, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() { _ = log.Run(ctx) }()
	e := accesslog.Entry{
		Time: time.Now(), RequestID: "0197b0e0-0000-7000-8000-000000000000", Method: "GET", Host: "api.example.com", Path: "/pets/17", Route: "/pets", Service: "pets",
		Consumer: "acme", Credential: "cred_01jz", Subscription: "sub_01jz", Status: 200, Address: netip.MustParseAddr("192.0.2.1"),
	}
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = accesslog.Outcome{Sent: 100, Took: time.Millisecond, Upstream: time.Millisecond}.Append(e.Append(line[:0]))
		log.Add(line)
	}
}
