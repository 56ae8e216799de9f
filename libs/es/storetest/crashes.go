package storetest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/internal/sqlstore"
)

// childVariable carries the order of a child process.
const childVariable = "TIDEGATE_STORETEST_CHILD"

// order is what a child process does before it is killed.
type order struct {
	Address string
	// Step is where it kills itself in an append of the loaded batch. Empty: it
	// appends without end and tells each position that was acknowledged.
	Step  sqlstore.Step
	Lease *es.Lease
}

func childOrder(t *testing.T) (order, bool) {
	text := os.Getenv(childVariable)
	if text == "" {
		return order{}, false
	}
	return decode[order](t, []byte(text)), true
}

// obey is the life of a child process.
func obey(t *testing.T, a Adapter, o order) {
	s, err := a.Open(t.Context(), o.Address, Schema(), time.Now)
	noError(t, err)
	if o.Step != "" {
		s.(Breakable).InjectFault(func(at sqlstore.Step) error {
			if at == o.Step {
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			return nil
		})
		_, err = s.Append(t.Context(), loaded(Schema(), o.Lease))
		t.Fatalf("it lives: %v", err)
	}
	for i := 0; ; i++ {
		c, err := s.Append(t.Context(), batchOf(Schema(), strconv.Itoa(i%10), es.Any, events.Data(Priced{i}), Priced{i}))
		noError(t, err)
		fmt.Printf("acknowledged %d\n", c.Head.Position)
	}
}

// child starts the test binary again with an order.
func (w *world) child(o order) *exec.Cmd {
	w.Helper()
	o.Address = w.address
	text, err := json.Marshal(o)
	noError(w, err)
	top, _, _ := strings.Cut(w.Name(), "/")
	cmd := exec.CommandContext(context.WithoutCancel(w.Context()), os.Args[0], "-test.run=^"+top+"$", "-test.count=1", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	return cmd
}

func testCrashes(t *testing.T, a Adapter) {
	for _, step := range sqlstore.Steps {
		t.Run("a process killed when "+string(step)+" leaves all or nothing", func(t *testing.T) {
			w := newWorld(t, a)
			s := w.open(Schema())
			lease := s.begin("k")
			said, err := w.child(order{Step: step, Lease: lease}).CombinedOutput()
			if err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("the child was not killed: %v\n%s", err, said)
			}
			if step == sqlstore.StepCommitted {
				s.hasAll()
				return
			}
			s.hasNothing()
			s.inFlight("k")
			w.clock.forward(es.LeaseTime + time.Second)
			s.append(loaded(s.schema, s.begin("k")))
			w.open(Schema()).hasAll()
		})
	}
	t.Run("a process killed at any moment has everything that it acknowledged, once", func(t *testing.T) {
		w := newWorld(t, a)
		s := w.open(Schema())
		for round := range 5 {
			before := s.head().Position
			acknowledged := w.killed(time.Duration(30+37*round) * time.Millisecond)
			head := s.head().Position
			if head < acknowledged || head > acknowledged+2 && acknowledged > 0 || (head-before)%2 != 0 {
				t.Errorf("round %d: from %d it acknowledged %d, the head is %d", round, before, acknowledged, head)
			}
			records := s.all()
			same(t, "records", head, int64(len(records)))
			changes := 0
			for i := range 10 {
				if doc, err := es.Get[Thing](t.Context(), s, "things", strconv.Itoa(i)); err == nil {
					changes += doc.Changes
				}
			}
			same(t, "changes in the documents", len(records), changes)
		}
		if s.head().Position == 0 {
			t.Error("no child ever came to append anything")
		}
	})
}

// killed starts a child that appends without end, kills it some time after its
// first acknowledgement, and answers the last.
func (w *world) killed(after time.Duration) (acknowledged int64) {
	w.Helper()
	cmd := w.child(order{})
	out, err := cmd.StdoutPipe()
	noError(w, err)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	noError(w, cmd.Start())
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		w.Fatalf("the child said nothing: %v\n%s", cmd.Wait(), complaint.String())
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	rest, _ := io.ReadAll(lines)
	_ = cmd.Wait() // killed
	for line := range strings.Lines(first + string(rest)) {
		if !strings.HasSuffix(line, "\n") {
			break // cut in the middle
		}
		if _, err := fmt.Sscanf(line, "acknowledged %d", &acknowledged); err != nil {
			w.Fatalf("the child said %q\n%s", line, rest)
		}
	}
	return acknowledged
}
