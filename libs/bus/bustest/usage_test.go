package bustest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
)

// till is a collector of reports that may refuse.
type till struct {
	mu    sync.Mutex
	taken []bus.UsageBatch
	err   error
}

func (c *till) take(_ context.Context, b bus.UsageBatch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.taken = append(c.taken, b)
	}
	return c.err
}

func (c *till) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.taken)
}

func usage(sequence int64) bus.UsageBatch {
	return bus.UsageBatch{Gateway: "gw_1", Boot: "b1", Sequence: sequence, Uses: []bus.Use{
		{Credential: "cred_1", Count: 3, Last: time.Date(2026, 11, 22, 1, 2, 3, 4e6, time.UTC)},
	}}
}

func TestAReportOfUsesIsAcknowledgedOnceItIsTaken(t *testing.T) {
	server := bustest.Start(t)
	gw := connect(t, server.URL())
	if err := gw.ReportUsage(t.Context(), usage(1)); !errors.Is(err, bus.ErrUnreachable) {
		t.Fatalf("nobody takes it, and it is answered %v", err)
	}
	a, b := &till{}, &till{}
	for _, c := range []*till{a, b} {
		conn := connect(t, server.URL())
		run(t, func(ctx context.Context) error { return conn.ServeUsage(ctx, c.take) })
	}
	eventually(t, "it is taken", func() bool { return gw.ReportUsage(t.Context(), usage(1)) == nil })
	for sequence := int64(2); sequence <= 20; sequence++ {
		if err := gw.ReportUsage(t.Context(), usage(sequence)); err != nil {
			t.Fatal(err)
		}
	}
	if a.count()+b.count() != 20 {
		t.Fatalf("two replicas took %d and %d of 20", a.count(), b.count())
	}
	first := slices.Concat(a.taken, b.taken)[0]
	if want := usage(first.Sequence); first.Gateway != want.Gateway || first.Boot != want.Boot ||
		first.Uses[0].Credential != "cred_1" || first.Uses[0].Count != 3 || !first.Uses[0].Last.Equal(want.Uses[0].Last) {
		t.Errorf("it was taken as %+v", first)
	}
	for _, c := range []*till{a, b} {
		c.mu.Lock()
		c.err = errors.New("SQL is away")
		c.mu.Unlock()
	}
	if err := gw.ReportUsage(t.Context(), usage(21)); !errors.Is(err, bus.ErrUnreachable) {
		t.Errorf("what was not taken is answered %v", err)
	}
	server.Kill()
	if err := gw.ReportUsage(t.Context(), usage(21)); !errors.Is(err, bus.ErrUnreachable) {
		t.Errorf("without NATS it is answered %v", err)
	}
}

func TestWhatIsNoReportOfUsesIsNotSent(t *testing.T) {
	server := bustest.Start(t)
	gw, conn, c := connect(t, server.URL()), connect(t, server.URL()), &till{}
	run(t, func(ctx context.Context) error { return conn.ServeUsage(ctx, c.take) })
	for name, change := range map[string]func(*bus.UsageBatch){
		"no gateway":              func(b *bus.UsageBatch) { b.Gateway = "" },
		"a gateway of two tokens": func(b *bus.UsageBatch) { b.Gateway = "a/b" },
		"no boot":                 func(b *bus.UsageBatch) { b.Boot = "" },
		"no number":               func(b *bus.UsageBatch) { b.Sequence = 0 },
		"no uses":                 func(b *bus.UsageBatch) { b.Uses = nil },
		"too many uses":           func(b *bus.UsageBatch) { b.Uses = slices.Repeat(b.Uses, bus.MaxUses+1) },
		"no credential":           func(b *bus.UsageBatch) { b.Uses[0].Credential = "" },
		"a count below one":       func(b *bus.UsageBatch) { b.Uses[0].Count = -1 },
		"no time":                 func(b *bus.UsageBatch) { b.Uses[0].Last = time.Time{} },
	} {
		b := usage(1)
		change(&b)
		if err := gw.ReportUsage(t.Context(), b); !errors.Is(err, bus.ErrBadUsage) {
			t.Errorf("%s is answered %v", name, err)
		}
	}
	for _, body := range []string{"", "{", `{"gateway":"gw_1","boot":"b","sequence":1,"uses":[{"credential":"c","count":-5,"last":"2026-01-01T00:00:00Z"}]}`} {
		m, err := dial(t, server.URL()).Request("tidegate.usage", []byte(body), 5*time.Second)
		if err == nil && !slices.Equal(m.Data, []byte(`{"error":"it was not taken"}`)) {
			t.Errorf("%q is answered %s", body, m.Data)
		}
	}
	if c.count() != 0 {
		t.Errorf("it was taken: %+v", c.taken)
	}
}

// TestGatewaysAloneReportUses tries the permissions of deploy/nats and of the
// embedded server.
func TestGatewaysAloneReportUses(t *testing.T) {
	for name, start := range map[string]func(*testing.T) inside{"embedded": onEmbedded, "deploy/nats": onDeployment} {
		t.Run(name, func(t *testing.T) {
			in, c := start(t), &till{}
			as := func(user string) *bus.Conn {
				conn, err := bus.Connect(t.Context(), in.config(user))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(conn.Close)
				return conn
			}
			conn, gw := as("credential"), as("gateway")
			run(t, func(ctx context.Context) error { return conn.ServeUsage(ctx, c.take) })
			eventually(t, "a gateway's is taken", func() bool { return gw.ReportUsage(t.Context(), usage(1)) == nil })
			before := c.count()
			others := map[string]func() error{"reader": func() error {
				_, err := dial(t, in.reader).Request("tidegate.usage", []byte(`{}`), 300*time.Millisecond)
				return err
			}}
			if name != "embedded" { // which has one user for all services of its process
				others["portal"] = func() error {
					_, err := in.bare(t, "portal").Request("tidegate.usage", []byte(`{}`), 300*time.Millisecond)
					return err
				}
				others["consumer"] = func() error {
					_, err := in.bare(t, "consumer").Request("tidegate.usage", []byte(`{}`), 300*time.Millisecond)
					return err
				}
			}
			for user, report := range others {
				if report() == nil || c.count() != before {
					t.Errorf("%s's is answered", user)
				}
			}
		})
	}
}
