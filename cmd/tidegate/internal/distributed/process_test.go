package distributed_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// patience is how long anything may take that is expected to happen. The machine
// may be slow, and no time is asserted.
const patience = 2 * time.Minute

// process is one of Tidegate's programs, in a process group of its own. It can be
// killed and started again any number of times.
type process struct {
	t       testing.TB
	name    string // "consumer-1"
	program string // path
	env     []string
	log     string // file
	address string // base URL of what answers /readyz

	mu      sync.Mutex
	running *exec.Cmd
	ended   chan struct{} // closed when running has ended
	wanted  bool          // it is not to end by itself
}

// start starts it and does not wait.
func (p *process) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	command := exec.Command(p.program)
	command.Env, command.Stdout, command.Stderr = p.env, log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	ended := make(chan struct{})
	p.mu.Lock()
	p.running, p.ended, p.wanted = command, ended, true
	p.mu.Unlock()
	go func() {
		err := command.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		close(ended)
		if p.wanted && p.running == command {
			p.t.Errorf("%s ended by itself: %v", p.name, err)
		}
	}()
}

// signal sends a signal to its group and waits until it has ended. It answers
// the exit code, -1 when the signal itself ended it or it did not run.
func (p *process) signal(signal syscall.Signal) int {
	p.mu.Lock()
	running, ended := p.running, p.ended
	p.running, p.wanted = nil, false
	p.mu.Unlock()
	if running == nil {
		return -1
	}
	if err := syscall.Kill(-running.Process.Pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Errorf("end %s: %v", p.name, err)
	}
	<-ended
	return running.ProcessState.ExitCode()
}

// kill ends it as a crash does.
func (p *process) kill() { p.signal(syscall.SIGKILL) }

// ready says whether it is, and why not.
func (p *process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if r := web.Do(ctx, http.MethodGet, p.address+"/readyz", nil); r.Err != nil || r.Status != http.StatusOK {
		return errors.New(r.String())
	}
	return nil
}

// await returns once it is ready.
func (p *process) await() {
	p.t.Helper()
	eventually(p.t, p.name+" is ready", func() error { return p.ready(p.t.Context()) })
}

// show logs the end of what it wrote.
func (p *process) show() {
	const most = 6000
	said, err := os.ReadFile(p.log)
	if err == nil {
		p.t.Logf("%s ends with:\n%s", p.name, said[max(0, len(said)-most):])
	}
}

// eventually waits until something is so, and fails the test with what is
// missing when it does not become so.
func eventually(t testing.TB, what string, missing func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && t.Context().Err() == nil; time.Sleep(20 * time.Millisecond) {
		if err = missing(); err == nil {
			return
		}
	}
	t.Fatalf("it has not come to this: %s: %v", what, err)
}
