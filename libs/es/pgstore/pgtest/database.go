package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os/user"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// shared is the server of this test binary.
var (
	shared     *Server
	errShared  error
	sharedOnce sync.Once
	databases  atomic.Int64
)

// Start answers the URL of an empty database of the test's own, on a server
// that all tests of the binary share.
func Start(t testing.TB) string {
	t.Helper()
	sharedOnce.Do(func() {
		if shared, errShared = create(); errShared == nil {
			errShared = shared.start()
		}
	})
	if errShared != nil {
		t.Fatal(errShared)
	}
	return shared.Database(t)
}

// Database makes an empty database and answers its URL. It is dropped after the
// test.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "test" + strconv.FormatInt(databases.Add(1), 10)
	if err := s.exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") }) // a stopped server has none
	address, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	address.Path = "/" + name
	return address.String()
}

// Cut ends every connection to the database of a URL, as a network fault or an
// administrator would.
func Cut(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("cut connections: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		return fmt.Errorf("cut connections: %w", err)
	}
	return nil
}

func (s *Server) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err = conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

func lookup(name string) (uid, gid uint32, ok bool) {
	found, err := user.Lookup(name)
	if err != nil {
		return 0, 0, false
	}
	u, err1 := strconv.ParseUint(found.Uid, 10, 32)
	g, err2 := strconv.ParseUint(found.Gid, 10, 32)
	return uint32(u), uint32(g), err1 == nil && err2 == nil
}
