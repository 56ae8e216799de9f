// Package cli is the command line: the commands that run Tidegate on one
// machine, and those that speak to its management API wherever it runs.
//
// Standard output is data, standard error is messages. The exit code is 0 when
// all is fine, 1 when it failed, 2 for a command that was not understood, 3 when
// there is no such object, 4 when it is not allowed and 5 on a conflict.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/libs/app"
)

// Main runs one command and answers the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	root := newRoot(&session{stdin: stdin, stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "tidegate: %v\n", err)
	}
	return exitCode(err)
}

func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "tidegate",
		Short: "Decide who may call which API, and enforce it",
		Long: `Tidegate decides who may call which API, and enforces it.

People register consumers, issue them credentials and subscribe them to
services; a provider approves; the gateway lets through exactly the calls that
follow from those facts.

Start with: tidegate up --demo`,
		Args: cobra.ArbitraryArgs, RunE: group,
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetIn(s.stdin)
	root.SetOut(s.stdout)
	root.SetErr(s.stderr)
	root.SetGlobalNormalizationFunc(fieldNames())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })

	flags := root.PersistentFlags()
	flags.StringVar(&s.dataDir, "data-dir", environment("TIDEGATE_DATA_DIR", ".data"), "folder of a local tidegate up (TIDEGATE_DATA_DIR)")
	for _, n := range nouns {
		root.AddCommand(s.remote(n.command(s)))
	}
	root.AddCommand(upCommand(s), tokenCommand(s), s.remote(eventsCommand(s)), s.remote(signingKeyCommand(s)), s.remote(doctorCommand(s)), epochCommand(s), keyringCommand(s), versionCommand(s))
	for _, c := range root.Commands() {
		helpGroup(root, c)
	}
	root.CompletionOptions.DisableDescriptions = false
	return root
}

// remote adds the flags of a command that speaks to the management API.
func (s *session) remote(c *cobra.Command) *cobra.Command {
	flags := c.PersistentFlags()
	flags.StringVar(&s.address, "address", os.Getenv("TIDEGATE_ADDRESS"), "the management API (TIDEGATE_ADDRESS); that of a local tidegate up when absent")
	flags.StringVar(&s.token, "token", "", "management token (TIDEGATE_TOKEN); that of a local administrator when absent")
	flags.StringVarP(&s.output, "output", "o", "table", "table, json or yaml")
	flags.StringVar(&s.wait, "wait", "", "seconds to wait until every live gateway has applied it")
	previous := c.PersistentPreRunE
	c.PersistentPreRunE = func(c *cobra.Command, args []string) error {
		if s.token == "" {
			s.token = os.Getenv("TIDEGATE_TOKEN") // not a flag's default: --help must not print it
		}
		if !slices.Contains([]string{"table", "json", "yaml"}, s.output) {
			return usage("--output: want table, json or yaml, not %q", s.output)
		}
		if previous != nil {
			return previous(c, args)
		}
		return nil
	}
	return c
}

// helpGroup sorts commands for --help.
func helpGroup(root, c *cobra.Command) {
	const running, talking = "run", "api"
	if len(root.Groups()) == 0 {
		root.AddGroup(&cobra.Group{ID: running, Title: "Run it:"}, &cobra.Group{ID: talking, Title: "Use it:"})
	}
	switch c.Name() {
	case "up", "token", "doctor", "epoch", "keyring", "version":
		c.GroupID = running
	default:
		c.GroupID = talking
	}
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func versionCommand(s *session) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: noArgs, RunE: func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(s.stdout, app.Version())
		return err
	}}
}
