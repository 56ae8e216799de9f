package main_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/cli"
	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
)

// TestMain makes this test binary serve as the command tidegate too: a child is
// the real program in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tidegate": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// binary is the program.
func binary(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("tidegate")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"TIDEGATE_ADDRESS", "TIDEGATE_TOKEN", "TIDEGATE_NATS_URL", "TIDEGATE_DATABASE_URL", "TIDEGATE_DATA_DIR"} {
				env.Setenv(name, "")
			}
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "up": up, "keep": keep},
	})
}

// exits runs a command and wants an exit code: exits 3 tidegate consumer get x.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v ended with %d, want %d", args[1:], got, want)
	}
}

// up starts `tidegate up` on .data and waits until it is ready.
func up(ts *testscript.TestScript, _ bool, args []string) {
	t := &scriptT{ts: ts}
	path, err := exec.LookPath("tidegate")
	ts.Check(err)
	child := journey.Up(t, path, ts.MkAbs(".data"), args...)
	ts.Setenv("MANAGEMENT", child.Ready.ManagementURL)
	ts.Setenv("GATEWAY", child.Ready.GatewayURL)
	ts.Setenv("PORT", child.Ready.ManagementURL[strings.LastIndex(child.Ready.ManagementURL, ":")+1:])
}

// keep sets a variable to what the last command printed: keep NAME.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.Trim(ts.ReadFile("stdout"), "\"\n"))
}

// scriptT lets a script use what is made for tests.
type scriptT struct {
	testing.TB
	ts *testscript.TestScript
}

func (t *scriptT) Helper()                   {}
func (t *scriptT) Context() context.Context  { return context.Background() }
func (t *scriptT) Cleanup(f func())          { t.ts.Defer(f) }
func (t *scriptT) Fatal(args ...any)         { t.ts.Fatalf("%s", fmt.Sprint(args...)) }
func (t *scriptT) Fatalf(f string, a ...any) { t.ts.Fatalf(f, a...) }
