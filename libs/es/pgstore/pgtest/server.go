// Package pgtest runs a real Postgres for tests: its own data directory, a unix
// socket in a temporary folder, no network port, an unprivileged user when the
// tests run as root. It needs the programs of a Postgres server and nothing
// else; where they are missing the test fails and says how to get them.
//
// Servers do not outlive the test binary, however it ends.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is one Postgres server.
type Server struct {
	// URL is of its maintenance database. It stays the same over Stop and Start.
	URL string

	dir     string
	bin     string
	user    *syscall.Credential
	process *exec.Cmd
	ended   chan struct{}
	leash   io.Closer
}

// New starts a server of the test's own, which the test may stop, start and
// kill. Most tests want Start instead.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// create makes a data directory.
func create() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	// Not the test's own folder: a socket's path may have 107 bytes at most.
	dir, err := os.MkdirTemp("/tmp", "pg")
	if err != nil {
		return nil, fmt.Errorf("make a folder for Postgres: %w", err)
	}
	s := &Server{dir: dir, bin: bin, URL: "postgres:///postgres?host=" + dir + "&user=postgres&sslmode=disable"}
	if s.user, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.user != nil {
		if err := os.Chown(dir, int(s.user.Uid), int(s.user.Gid)); err != nil {
			return nil, fmt.Errorf("give Postgres its folder: %w", err)
		}
	}
	if err := os.Chmod(dir, 0o711); err != nil { // tests' processes find the socket in it
		return nil, fmt.Errorf("give Postgres its folder: %w", err)
	}
	initdb := s.command("initdb", "-D", s.data(), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := s.tie(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TZ=UTC", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.user}
	return cmd
}

// tie starts a shell that waits for this process to be gone, in whatever way,
// and then ends the server and removes its folder: its input is a pipe of which
// we hold the other end.
func (s *Server) tie() error {
	shell := exec.CommandContext(context.Background(), "/bin/sh", "-c",
		`cat >/dev/null; [ -f "$0/data/postmaster.pid" ] && kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")" 2>/dev/null; sleep 0.2; rm -rf "$0"`, s.dir)
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	leash, err := shell.StdinPipe()
	if err != nil {
		return fmt.Errorf("tie Postgres to the test: %w", err)
	}
	if err := shell.Start(); err != nil {
		return fmt.Errorf("tie Postgres to the test: %w", err)
	}
	s.leash = leash
	go func() { _ = shell.Wait() }()
	return nil
}

// start starts the server and waits until it answers.
func (s *Server) start() error {
	for attempt := 1; ; attempt++ {
		err := s.tryStart()
		// After a kill -9 its children need a moment to notice.
		if err == nil || attempt == 20 {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *Server) tryStart() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	defer func() { _ = log.Close() }()
	// Without fsync a crash of the machine would lose data; one of the server
	// does not, and that is what tests crash.
	s.process = s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=",
		"-c", "fsync="+durable(), "-c", "max_connections=200", "-c", "shared_buffers=32MB")
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	ended, process := make(chan struct{}), s.process
	s.ended = ended
	go func() { _ = process.Wait(); close(ended) }()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ended:
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("start Postgres: it ended at once:\n%s", said)
		case <-ctx.Done():
			return fmt.Errorf("start Postgres: it does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// durable has benchmarks write as in production: TIDEGATE_PGTEST_FSYNC=on.
func durable() string {
	if os.Getenv("TIDEGATE_PGTEST_FSYNC") == "on" {
		return "on"
	}
	return "off"
}

// Stop ends the server in good order; connections are cut.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.end(t, syscall.SIGINT)
}

// Kill ends it as kill -9 does.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.end(t, syscall.SIGKILL)
}

// Start starts it again.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("end Postgres: %v", err)
	}
	<-s.ended
}

func (s *Server) remove() {
	if s.process != nil {
		_ = s.process.Process.Signal(syscall.SIGQUIT)
		if s.ended != nil {
			<-s.ended
		}
	}
	_ = s.leash.Close()
	_ = os.RemoveAll(s.dir)
}

// unprivileged answers whom Postgres runs as: it refuses root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else
	}
	for _, name := range []string{"postgres", "nobody"} {
		if uid, gid, ok := lookup(name); ok {
			return &syscall.Credential{Uid: uid, Gid: gid}, nil
		}
	}
	return nil, errors.New("cannot run Postgres: it refuses to be root, and there is neither a user postgres nor nobody to run it as")
}

// programs answers the folder of the newest Postgres server.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	best, newest := "", -1
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern + "/initdb")
		for _, path := range found {
			bin := filepath.Dir(path)
			version := 0
			for _, c := range filepath.Base(filepath.Dir(bin)) {
				if digit, err := strconv.Atoi(string(c)); err == nil {
					version = version*10 + digit
				}
			}
			if version > newest {
				best, newest = bin, version
			}
		}
	}
	if best == "" {
		return "", errors.New("no Postgres server is installed, and these tests need a real one: apt-get install postgresql (or put initdb on the PATH)")
	}
	return best, nil
}
