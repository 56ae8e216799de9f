package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestHelp holds what every command says of itself.
func TestHelp(t *testing.T) {
	for _, name := range []string{"TIDEGATE_ADDRESS", "TIDEGATE_NATS_URL", "TIDEGATE_DATABASE_URL", "TIDEGATE_DATA_DIR"} {
		t.Setenv(name, "")
	}
	var all bytes.Buffer
	var describe func(*cobra.Command)
	describe = func(c *cobra.Command) {
		fmt.Fprintf(&all, "== %s\n", c.CommandPath())
		c.SetOut(&all)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&all)
		for _, below := range c.Commands() {
			if below.IsAvailableCommand() && !slices.Contains([]string{"help", "completion"}, below.Name()) {
				describe(below)
			}
		}
	}
	describe(newRoot(&session{stdin: &bytes.Buffer{}, stdout: &all, stderr: &all}))

	golden := filepath.Join("testdata", "help.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, all.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, all.Bytes()) {
		t.Errorf("the help has changed; look at it and run this test with -update:\n%s", all.String())
	}
}
