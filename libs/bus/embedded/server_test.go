package embedded_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/bus/embedded"
)

func start(t *testing.T, dir, listen string) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

func inside(t *testing.T, s *embedded.Server) jetstream.JetStream {
	t.Helper()
	user, password := s.UserInfo()
	nc, err := nats.Connect("", nats.InProcessServer(s.Conn()), nats.UserInfo(user, password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestWhatWasAcknowledgedIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, "")
	if s.ReaderURL() != "" {
		t.Fatalf("it has no port, but an address: %s", s.ReaderURL())
	}
	js := inside(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := js.Publish(t.Context(), "s", []byte("m")); err != nil {
			t.Fatal(err)
		}
	}
	s.Shutdown()
	stream, err := inside(t, start(t, dir, "")).Stream(t.Context(), "S")
	if err != nil || stream.CachedInfo().State.Msgs != 10 {
		t.Fatalf("%v, %v", stream, err)
	}
}

func TestThePort(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nats")
	s := start(t, dir, "127.0.0.1:0")
	address, err := url.Parse(s.ReaderURL())
	if err != nil || address.User.Username() != "reader" || address.Port() == "0" {
		t.Fatalf("%s, %v", s.ReaderURL(), err)
	}
	t.Run("the reader comes in with its password alone", func(t *testing.T) {
		nc, err := nats.Connect(s.ReaderURL())
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
		for name, bad := range map[string]string{
			"nobody":         "nats://" + address.Host,
			"wrong password": "nats://reader:wrong@" + address.Host,
			"no password":    "nats://reader@" + address.Host,
		} {
			if nc, err := nats.Connect(bad); err == nil {
				nc.Close()
				t.Errorf("%s came in", name)
			}
		}
	})
	t.Run("the process's own user does not come in through it", func(t *testing.T) {
		user, password := s.UserInfo()
		if nc, err := nats.Connect("nats://"+address.Host, nats.UserInfo(user, password)); err == nil {
			nc.Close()
			t.Error("it came in")
		}
	})
	t.Run("one that is taken is an error, soon", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		began := time.Now()
		_, err = embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir(), Listen: listener.Addr().String()})
		if err == nil || !strings.Contains(err.Error(), "in use") || time.Since(began) > 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
	t.Run("the password is kept, for its owner's eyes", func(t *testing.T) {
		s.Shutdown()
		again := start(t, dir, "127.0.0.1:0")
		later, err := url.Parse(again.ReaderURL())
		if err != nil || later.User.String() != address.User.String() {
			t.Errorf("%s, then %s", address.User, later.User)
		}
		info, err := os.Stat(filepath.Join(dir, "reader.password"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	})
}

func TestAStartThatIsGivenUpLeavesNothingRunning(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embedded.Start(ctx, embedded.Config{Dir: t.TempDir()}); err == nil {
		t.Fatal("it started")
	}
}
