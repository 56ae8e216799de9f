package bustest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Server is a single nats-server with JetStream on a directory, without users.
type Server struct {
	process
	dir string
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := Prepare(t)
	s.Restart()
	return s
}

// Prepare answers a server that has an address but does not run: Restart starts
// it.
func Prepare(t testing.TB) *Server {
	t.Helper()
	dir := t.TempDir()
	s := &Server{dir: dir, process: process{
		t: t, config: filepath.Join(dir, "server.conf"), log: filepath.Join(dir, "server.log"), address: FreeAddress(t),
	}}
	s.Sync("always")
	t.Cleanup(s.Kill)
	return s
}

// Sync says how often it writes to disk from its next start on: "always", as it
// must where it is relied on, or seldom ("2m") while a benchmark fills it.
func (s *Server) Sync(interval string) {
	s.t.Helper()
	config := fmt.Sprintf("listen: %q\njetstream: { store_dir: %q, sync_interval: %s }\n", s.address, s.Dir(), interval)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// URL is where it is, also while it does not run.
func (s *Server) URL() string { return "nats://" + s.address }

// Kill ends it as a crash does.
func (s *Server) Kill() { s.kill() }

// Restart kills it if it runs, and starts it again on what it had on disk.
func (s *Server) Restart() {
	s.t.Helper()
	s.kill()
	s.start()
	s.await(s.URL())
}

// Dir has all that the server keeps: a copy of it, put back while the server does
// not run, is a restored backup.
func (s *Server) Dir() string { return filepath.Join(s.dir, "jetstream") }

// PID is the running process's.
func (s *Server) PID() int { return s.running.Process.Pid }
