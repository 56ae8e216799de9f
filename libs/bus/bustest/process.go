// Package bustest runs real NATS servers for tests, as processes that can be
// killed, and holds the suite that the bus passes on them.
package bustest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// binary builds nats-server once, of the version that libs/go.mod names.
var binary = sync.OnceValues(func() (string, error) {
	libs, err := output("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tidegate-io/tidegate/libs")
	if err != nil {
		return "", err
	}
	version, err := output("go", "-C", libs, "list", "-m", "-f", "{{.Version}}", "github.com/nats-io/nats-server/v2")
	if err != nil {
		return "", err
	}
	path := filepath.Join(os.TempDir(), "tidegate-nats-server-"+version)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	if _, err := output("go", "-C", libs, "build", "-o", temporary, "github.com/nats-io/nats-server/v2"); err != nil {
		return "", err
	}
	return path, os.Rename(temporary, path)
})

func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// process is one nats-server on one configuration file.
type process struct {
	t       testing.TB
	config  string
	log     string // file
	env     []string
	address string
	running *exec.Cmd
}

// start starts the process; await says when it takes connections.
func (p *process) start() {
	p.t.Helper()
	path, err := binary()
	if err != nil {
		p.t.Fatalf("build nats-server: %v", err)
	}
	p.running = exec.Command(path, "-c", p.config)
	p.running.Env = append(os.Environ(), p.env...)
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p.running.Stdout, p.running.Stderr = log, log
	p.running.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.running.Start(); err != nil {
		p.t.Fatalf("start nats-server: %v", err)
	}
}

// kill ends the process as a crash does.
func (p *process) kill() {
	p.t.Helper()
	if p.running == nil {
		return
	}
	_ = p.running.Process.Kill()
	_, _ = p.running.Process.Wait()
	p.running = nil
}

// await returns once a user can connect and use JetStream.
func (p *process) await(url string) {
	p.t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = usable(url); err == nil {
			return
		}
	}
	log, _ := os.ReadFile(p.log)
	p.t.Fatalf("nats-server at %s is not usable: %v\n%s", p.address, err, log)
}

func usable(url string) error {
	nc, err := nats.Connect(url, nats.Timeout(time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	answer, err := nc.Request("$JS.API.INFO", nil, time.Second)
	if err == nil && strings.Contains(string(answer.Data), `"error"`) {
		err = fmt.Errorf("JetStream: %s", answer.Data)
	}
	return err
}
