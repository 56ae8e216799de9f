package cli

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/embedded"
)

// bumping is what `epoch bump` was asked for.
type bumping struct {
	context      string
	databaseURL  string
	natsURL      string
	keyring      string
	discard, yes bool
}

func epochCommand(s *session) *cobra.Command {
	parent := &cobra.Command{Use: "epoch", Short: "Mend history after a database was restored", RunE: group}
	var b bumping
	c := &cobra.Command{
		Use: "bump", Short: "Take what only the bus has into a restored database, and begin a new epoch", Args: noArgs,
		Long: `Take what only the bus has into a restored database, and begin a new epoch.

Do this when a service says that the stream is ahead of SQL or has another
history, which happens when its database was restored to an earlier point. The
events that only the stream has are imported, so that nothing is lost and no
revoked key lives again, and what they name is held again: names, keys, routes. With --discard they are dropped; the revocations that
this would undo are listed first, and you are asked.

The bus does not have everything: of secrets that were made since the database
was saved, hints are lost, and so is what a new pepper needs to digest them.
They go on working; before the pepper that they are recognised by can be
retired, those credentials must be rotated (` + "`tidegate keyring reseal`" + ` lists
them). A contact that was given since then is lost with its key.

On a data directory ` + "`tidegate up`" + ` must be stopped. With --database-url and
--nats-url the services may be running.`,
	}
	c.Flags().StringVar(&b.context, "context", "", "whose history: "+strings.Join(bus.Contexts, ", "))
	c.Flags().StringVar(&b.databaseURL, "database-url", environment("TIDEGATE_DATABASE_URL", ""), "the database (TIDEGATE_DATABASE_URL); the data directory's when absent")
	c.Flags().StringVar(&b.natsURL, "nats-url", environment("TIDEGATE_NATS_URL", ""), "NATS (TIDEGATE_NATS_URL); the data directory's when absent")
	c.Flags().StringVar(&b.keyring, "keyring", environment("TIDEGATE_KEYRING", ""), "the key ring's file (TIDEGATE_KEYRING); the data directory's when absent")
	c.Flags().BoolVar(&b.discard, "discard", false, "drop what only the bus has")
	c.Flags().BoolVarP(&b.yes, "yes", "y", false, "do not ask")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !slices.Contains(bus.Contexts, b.context) {
			return usage("--context is needed: one of %s", strings.Join(bus.Contexts, ", "))
		}
		return s.bump(c.Context(), b)
	}
	parent.AddCommand(c)
	return parent
}

func (s *session) bump(ctx context.Context, b bumping) error {
	log := slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	where := bus.Config{URL: b.natsURL, Name: "epoch-bump", Log: log}
	if b.natsURL == "" || b.databaseURL == "" {
		if _, err := os.Stat(s.dataDir); err != nil {
			return fmt.Errorf("the data directory: %w", err)
		}
		release, err := up.Lock(s.dataDir)
		if err != nil {
			return err
		}
		defer release()
	}
	if b.natsURL == "" {
		server, err := embedded.Start(ctx, embedded.Config{Dir: filepath.Join(s.dataDir, "nats"), Log: log})
		if err != nil {
			return fmt.Errorf("start NATS: %w", err)
		}
		defer server.Shutdown()
		where.InProcess = server.Conn()
	}
	conn, err := bus.Connect(ctx, where)
	if err != nil {
		return err
	}
	defer conn.Close()
	all := up.Services()
	owner := all[slices.IndexFunc(all, func(service app.Service) bool { return service.Name == b.context })]
	cfg := app.Config{
		DatabaseURL: b.databaseURL, DataDir: s.dataDir, Namespace: environment("TIDEGATE_NAMESPACE", "default"), Keyring: b.keyring,
	}
	store, err := app.OpenStore(ctx, cfg, owner)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	result, err := bus.BumpEpoch(ctx, conn, b.context, store, bus.BumpOptions{
		Discard: b.discard, Confirm: func(plan bus.BumpPlan) bool { return s.confirm(plan, b) },
	})
	if err != nil {
		return err
	}
	if err := app.Reclaim(ctx, cfg, owner, store, touched(result)); err != nil {
		return fmt.Errorf("the events are imported; run it again once this is mended: %w", err)
	}
	s.say("%s is at event %d of epoch %s", b.context, result.After.Position, result.After.Epoch)
	return nil
}

// touched are the objects whose names, keys and routes are to be held again: those
// of imported events. Where there is none, a bump before this one may not have
// come so far: nil, which is all.
func touched(result bus.BumpResult) []string {
	var ids []string
	for _, e := range result.Surplus {
		if !slices.Contains(ids, e.Subject) {
			ids = append(ids, e.Subject)
		}
	}
	return ids
}

// confirm shows a plan, and asks when something would be lost.
func (s *session) confirm(plan bus.BumpPlan, b bumping) bool {
	what := "imported"
	if b.discard {
		what = "DROPPED"
	}
	s.say("%s stands at event %d in SQL; %d events are only on the bus and will be %s:", plan.Context, plan.Head.Position, len(plan.Surplus), what)
	for _, e := range plan.Surplus {
		s.say("  %d  %s  %s %s by %s", e.Position, e.Time.Format("2006-01-02T15:04:05Z"), e.Type, e.Subject, e.Actor)
	}
	if !b.discard || b.yes {
		return true
	}
	for _, e := range plan.Undone {
		s.say("THIS REVOCATION WOULD BE UNDONE: %s %s by %s", e.Type, e.Subject, e.Actor)
	}
	fmt.Fprint(s.stderr, "Type yes to drop them: ")
	answer, _ := bufio.NewReader(s.stdin).ReadString('\n')
	return strings.TrimSpace(answer) == "yes"
}
