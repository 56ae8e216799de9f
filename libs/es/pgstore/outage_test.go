package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/pgstore"
	"github.com/tidegate-io/tidegate/libs/es/pgstore/pgtest"
	"github.com/tidegate-io/tidegate/libs/es/storetest"
)

func open(t *testing.T, address string) es.Store {
	t.Helper()
	store, err := pgstore.Open(t.Context(), address, storetest.Schema())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func put(store es.Store, id string) error {
	e := events.Envelope{ID: events.NewID(time.Now()), Type: "thing.named", Schema: 1, Data: []byte(`{"name":"x"}`)}
	_, err := store.Append(context.Background(), es.Batch{Stream: "thing-" + id, Expect: es.None, Events: []events.Envelope{e}})
	return err
}

func get(store es.Store, id string) error {
	_, err := store.Get(context.Background(), "things", id)
	return err
}

// quickly demands es.ErrUnavailable within the three seconds that a caller has.
func quickly(t *testing.T, what string, f func() error) {
	t.Helper()
	start := time.Now()
	if err := f(); !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("%s: %v", what, err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("%s took %s", what, took)
	}
}

func TestWhilePostgresIsDownCallsFailFastAndHealWhenItIsBack(t *testing.T) {
	for name, end := range map[string]func(*pgtest.Server, testing.TB){"stopped": (*pgtest.Server).Stop, "killed": (*pgtest.Server).Kill} {
		t.Run(name, func(t *testing.T) {
			server := pgtest.New(t)
			store := open(t, server.URL)
			if err := put(store, "before"); err != nil {
				t.Fatal(err)
			}
			end(server, t)
			for range 3 {
				quickly(t, "append", func() error { return put(store, "while") })
				quickly(t, "get", func() error { return get(store, "before") })
				quickly(t, "begin", func() error { _, _, err := store.Begin(t.Context(), "s", "k", nil); return err })
			}
			quickly(t, "open", func() error {
				_, err := pgstore.Open(t.Context(), server.URL, storetest.Schema())
				return err
			})
			server.Start(t)
			if err := put(store, "after"); err != nil {
				t.Errorf("the first append after it: %v", err)
			}
			for id, want := range map[string]error{"before": nil, "after": nil, "while": es.ErrNotFound} {
				if err := get(store, id); !errors.Is(err, want) {
					t.Errorf("get %s: %v", id, err)
				}
			}
		})
	}
}

func TestAConnectionThatDiedIdleCostsNobodyAnError(t *testing.T) {
	server := pgtest.New(t)
	store := open(t, server.URL)
	for i := range 3 {
		server.Stop(t)
		server.Start(t)
		if err := get(store, "none"); !errors.Is(err, es.ErrNotFound) {
			t.Errorf("read after restart %d: %v", i, err)
		}
		server.Stop(t)
		server.Start(t)
		if err := put(store, string(rune('a'+i))); err != nil {
			t.Errorf("append after restart %d: %v", i, err)
		}
	}
}

// commitProxy stands between a store and Postgres, and cuts the connection on
// which a COMMIT passes.
type commitProxy struct {
	armed   atomic.Bool
	deliver bool // the COMMIT reaches Postgres; its answer does not come back
}

func (p *commitProxy) serve(listener net.Listener, socket string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{}).DialContext(context.Background(), "unix", socket)
		if err != nil {
			_ = client.Close()
			continue
		}
		go func() {
			defer func() { _, _ = client.Close(), server.Close() }()
			_, _ = io.Copy(client, server)
		}()
		go p.forward(client, server)
	}
}

func (p *commitProxy) forward(client, server net.Conn) {
	defer func() { _, _ = client.Close(), server.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		cut := bytes.Contains(bytes.ToLower(buffer[:n]), []byte("commit\x00")) && p.armed.CompareAndSwap(true, false)
		if cut {
			_ = client.Close()
		}
		if cut && !p.deliver {
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if cut {
			return // Postgres commits what it was sent, and answers nobody
		}
	}
}

func TestACommitWhoseOutcomeIsUnknownIsUnavailable(t *testing.T) {
	for name, deliver := range map[string]bool{"the commit is lost": false, "its answer is lost": true} {
		t.Run(name, func(t *testing.T) {
			address := pgtest.Start(t)
			direct, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = listener.Close() }()
			proxy := &commitProxy{deliver: deliver}
			go proxy.serve(listener, direct.Query().Get("host")+"/.s.PGSQL.5432")
			through := "postgres://postgres@" + listener.Addr().String() + direct.Path + "?sslmode=disable"

			store, sees := open(t, through), open(t, address)
			proxy.armed.Store(true)
			if err := put(store, "a"); !errors.Is(err, es.ErrUnavailable) {
				t.Errorf("append: %v", err)
			}
			// Whoever tries again waits for the first to end, and learns which it was.
			again := put(sees, "a")
			if deliver && !errors.Is(again, es.ErrConflict) || !deliver && again != nil {
				t.Errorf("again: %v", again)
			}
			if err := get(store, "a"); err != nil {
				t.Errorf("get: %v", err)
			}
		})
	}
}

func TestAServerThatAcceptsAndSaysNothingIsUnavailable(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	quickly(t, "open", func() error {
		_, err := pgstore.Open(t.Context(), "postgres://postgres@"+listener.Addr().String()+"/x?sslmode=disable", storetest.Schema())
		return err
	})
}

func TestABadURLIsToldWithoutItsPassword(t *testing.T) {
	_, err := pgstore.Open(t.Context(), "postgres://user:hunter2@host:notaport/x", storetest.Schema())
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error: %v", err)
	}
}

func TestServicesShareADatabaseAndNothingElse(t *testing.T) {
	address := pgtest.Start(t)
	schema := storetest.Schema()
	schema.Service = "other-thing"
	other, err := pgstore.Open(t.Context(), address, schema)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	store := open(t, address)
	if err := put(store, "a"); err != nil {
		t.Fatal(err)
	}
	if err := get(other, "a"); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("the other service finds it: %v", err)
	}
	if err := put(other, "a"); err != nil {
		t.Errorf("append to the other: %v", err)
	}
}
