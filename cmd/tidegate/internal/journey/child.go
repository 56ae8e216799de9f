package journey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// Child is a `tidegate up` in a process of its own.
type Child struct {
	Ready up.Ready

	t       testing.TB
	command *exec.Cmd
	stdout  *lines
	stderr  *lines
	ended   chan struct{}
}

// readyTime is how long a child may take to be ready.
const readyTime = 60 * time.Second

// anyPort has every address take a free port.
var anyPort = []string{
	"--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0", "--gateway-admin-listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0",
}

// Up starts `tidegate up` on free ports and waits for its ready line. Arguments
// win over the free ports. It is killed with the test.
func Up(t testing.TB, binary, dataDir string, args ...string) *Child {
	t.Helper()
	c := Launch(t, binary, append(append([]string{"up", "--output", "json", "--data-dir", dataDir}, anyPort...), args...)...)
	select {
	case line := <-c.stdout.first:
		if err := json.Unmarshal(line, &c.Ready); err != nil {
			t.Fatalf("the ready line is %q: %v", line, err)
		}
	case <-c.ended:
		t.Fatalf("it ended with %d before it was ready: %s", c.command.ProcessState.ExitCode(), c.stderr)
	case <-time.After(readyTime):
		t.Fatalf("it was not ready within %s: %s", readyTime, c.stderr)
	}
	return c
}

// Launch starts a child with any arguments and does not wait.
func Launch(t testing.TB, binary string, args ...string) *Child {
	t.Helper()
	c := &Child{t: t, command: exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...), stdout: newLines(), stderr: newLines(), ended: make(chan struct{})}
	c.command.Stdout, c.command.Stderr = c.stdout, c.stderr
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		_ = c.command.Wait() // the exit code says it
	}()
	t.Cleanup(c.Kill)
	return c
}

// Kill ends it as kill -9 does, and waits.
func (c *Child) Kill() {
	_ = c.command.Process.Kill() // it may have ended
	<-c.ended
}

// Terminate sends SIGTERM and answers the exit code and how long it took.
func (c *Child) Terminate() (exitCode int, took time.Duration) {
	c.t.Helper()
	begin := time.Now()
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		c.t.Fatal(err)
	}
	return c.Wait(), time.Since(begin)
}

// Wait answers the exit code once it has ended.
func (c *Child) Wait() int {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(readyTime):
		c.t.Fatalf("it does not end: %s", c.stderr)
	}
	return c.command.ProcessState.ExitCode()
}

// Output answers what it wrote so far.
func (c *Child) Output() (stdout, stderr string) { return c.stdout.String(), c.stderr.String() }

// System answers its addresses, with tokens of its data directory's key.
func (c *Child) System() System {
	return System{Management: c.Ready.ManagementURL, Gateways: []string{c.Ready.GatewayURL}, Token: Tokens(c.t, c.Ready.DataDir)}
}

// Tokens makes tokens with the key in a data directory.
func Tokens(t testing.TB, dataDir string) func(subject string, roles, teams []string) string {
	return func(subject string, roles, teams []string) string {
		t.Helper()
		issuer, err := httpapi.BuiltIn(app.IssuerFile(dataDir))
		if err != nil {
			t.Fatal(err)
		}
		granted := make([]httpapi.Role, len(roles))
		for i, role := range roles {
			granted[i] = httpapi.Role(role)
		}
		token, err := issuer.Token(subject, granted, teams, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
}

// lines collects what a process writes, and hands out the first line.
type lines struct {
	mu    sync.Mutex
	all   bytes.Buffer
	first chan []byte
	sent  bool
}

func newLines() *lines { return &lines{first: make(chan []byte, 1)} }

// Write collects.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(p)
	if line, _, whole := bytes.Cut(l.all.Bytes(), []byte("\n")); whole && !l.sent {
		l.sent = true
		l.first <- bytes.Clone(line)
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
