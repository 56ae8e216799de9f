package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
)

func eventsCommand(s *session) *cobra.Command {
	parent := &cobra.Command{Use: "events", Short: "What has happened: events", RunE: group}
	parent.AddCommand(tailCommand(s))
	return parent
}

func tailCommand(s *session) *cobra.Command {
	var (
		address  string
		contexts []string
		types    []string
		stay     bool
	)
	c := &cobra.Command{
		Use: "tail", Short: "Print events as they come, from the first one on", Args: noArgs,
		Long: `Print events as they come, read from NATS itself: all that there are, then each
as it happens. With -o json one CloudEvents object a line, exactly as it was
published.`,
		Example: "  tidegate events tail --type 'subscription.*'\n  tidegate events tail --follow=false -o json",
	}
	c.Flags().StringVar(&address, "nats-url", environment("TIDEGATE_NATS_URL", ""), "NATS (TIDEGATE_NATS_URL); that of a local tidegate up when absent")
	c.Flags().StringSliceVar(&contexts, "context", bus.Contexts, "only of these contexts")
	c.Flags().StringSliceVar(&types, "type", nil, "only these types; credential.* stands for all of a kind")
	c.Flags().BoolVar(&stay, "follow", true, "go on when all that there is was printed")
	c.RunE = func(c *cobra.Command, _ []string) error {
		for _, name := range contexts {
			if !slices.Contains(bus.Contexts, name) {
				return usage("--context: want some of %s, not %q", strings.Join(bus.Contexts, ", "), name)
			}
		}
		if address == "" {
			if local := up.Read(s.dataDir); local != nil {
				address = local.NATSURL
			}
		}
		if address == "" {
			return usage("--nats-url is needed: no `tidegate up` with a NATS port runs on %s", s.dataDir)
		}
		return s.tail(c.Context(), address, contexts, types, stay)
	}
	return c
}

// tail prints the streams of contexts. Their order among one another is that in
// which they arrive.
func (s *session) tail(ctx context.Context, address string, contexts, types []string, stay bool) error {
	conn, err := bus.Connect(ctx, bus.Config{URL: address, Name: "events-tail", External: true, Log: slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return usage("--nats-url: %w", err)
	}
	defer conn.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	printing := &printer{s: s, types: types, stop: stop, waiting: len(contexts), stay: stay}
	var group sync.WaitGroup
	for _, name := range contexts {
		group.Go(func() {
			if err := conn.Replay(ctx, name, es.Cursor{}, &tailed{printer: printing}); err != nil && ctx.Err() == nil {
				printing.fail(err)
			}
		})
	}
	group.Wait()
	return printing.err
}

// printer prints the events of several streams, one at a time.
type printer struct {
	s     *session
	types []string
	stop  context.CancelFunc
	stay  bool

	mu      sync.Mutex
	waiting int // streams whose end was not reached yet
	err     error
}

// tailed is one stream.
type tailed struct {
	*printer
	position int64
	end      int64 // of the stream, as it was last told
	known    bool  // whether it was told yet
	done     bool
}

// Deliver prints messages.
func (t *tailed) Deliver(_ context.Context, batch []bus.Message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, message := range batch {
		t.position = message.Position
		if err := t.print(message.Body); err != nil {
			t.failed(err)
			return err
		}
	}
	t.rest()
	return nil
}

// Reset starts again: the stream was made anew.
func (t *tailed) Reset(context.Context, string) error {
	t.position = 0
	return nil
}

// Tail learns where the stream ends.
func (t *tailed) Tail(_ context.Context, position int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end, t.known = position, true
	t.rest()
}

// rest ends the command once every stream was printed up to its end.
func (t *tailed) rest() {
	if t.stay || t.done || !t.known || t.position < t.end {
		return
	}
	t.done = true
	if t.waiting--; t.waiting == 0 {
		t.stop()
	}
}

func (p *printer) print(body []byte) error {
	event, err := events.Decode(body)
	if err != nil {
		p.s.say("skipped an event that cannot be read: %v", err)
		return nil
	}
	if !p.wanted(event.Type) {
		return nil
	}
	switch p.s.output {
	case "json":
		_, err = fmt.Fprintln(p.s.stdout, string(body))
	case "yaml":
		var whole any
		if err := json.Unmarshal(body, &whole); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(p.s.stdout, "---"); err != nil {
			return err
		}
		err = p.s.printWhole(whole)
	default:
		_, err = fmt.Fprintf(p.s.stdout, "%s  %-32s %-36s %s\n", event.Time.Format("2006-01-02T15:04:05.000Z"), event.Type, event.Aggregate(), event.Actor)
	}
	return err
}

// wanted says whether a type was asked for.
func (p *printer) wanted(eventType string) bool {
	return len(p.types) == 0 || slices.ContainsFunc(p.types, func(t string) bool {
		prefix, all := strings.CutSuffix(t, "*")
		return t == eventType || all && strings.HasPrefix(eventType, prefix)
	})
}

func (p *printer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed(err)
}

func (p *printer) failed(err error) {
	p.err = errors.Join(p.err, err)
	p.stop()
}
