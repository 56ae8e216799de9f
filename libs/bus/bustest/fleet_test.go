package bustest_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
)

// gateway is what a gateway says of itself, as the test wants it.
type gateway struct {
	mu    sync.Mutex
	state bus.GatewayState
	pulse *bus.Pulse
}

func (g *gateway) set(change func(*bus.GatewayState)) {
	g.mu.Lock()
	applied := map[string]es.Cursor{}
	maps.Copy(applied, g.state.Applied)
	g.state.Applied = applied
	change(&g.state)
	g.mu.Unlock()
	g.pulse.Changed()
}

func newGateway(t testing.TB, url, id string) (*gateway, *bus.Conn) {
	t.Helper()
	g := &gateway{state: bus.GatewayState{Applied: map[string]es.Cursor{}}}
	conn := connect(t, url)
	g.pulse = bus.NewPulse(conn, id, "test", func() bus.GatewayState {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.state
	})
	return g, conn
}

// serveAll answers the heads of every service but those left out.
func serveAll(t testing.TB, url string, except ...string) map[string]*service {
	t.Helper()
	all := map[string]*service{}
	for _, name := range bus.Contexts {
		s := newService(t, name)
		all[name] = s
		if len(except) > 0 && except[0] == name {
			continue
		}
		conn := connect(t, url)
		run(t, func(ctx context.Context) error { return conn.ServeHead(ctx, name, s.store) })
	}
	return all
}

func newFleet(t testing.TB, url string) *bus.Fleet {
	t.Helper()
	fleet := bus.NewFleet(connect(t, url))
	run(t, fleet.Run)
	return fleet
}

func status(fleet *bus.Fleet, id string) string {
	for _, g := range fleet.Gateways() {
		if g.ID == id {
			return g.Status
		}
	}
	return "unknown"
}

func TestWaitReturnsWhenEveryLiveGatewayHasAppliedEveryHead(t *testing.T) {
	server := bustest.Start(t)
	services := serveAll(t, server.URL())
	fleet := newFleet(t, server.URL())
	a, connA := newGateway(t, server.URL(), "gw.a") // an id that is no subject token
	b, connB := newGateway(t, server.URL(), "gw-b")
	run(t, a.pulse.Run)
	run(t, b.pulse.Run)
	_, _ = connA, connB
	eventually(t, "both are live", func() bool {
		return status(fleet, "gw.a") == bus.GatewayLive && status(fleet, "gw-b") == bus.GatewayLive
	})

	if got := fleet.Wait(t.Context(), 5*time.Second); got != (bus.Applied{Applied: 2, Live: 2}) {
		t.Fatalf("nothing was written: %+v", got)
	}
	services["consumer"].commit(1)
	put(services["credential"], "cred_1", "sealed")
	consumerHead, credentialHead := services["consumer"].head(), services["credential"].head()
	if got := fleet.Wait(t.Context(), 200*time.Millisecond); got != (bus.Applied{Live: 2}) {
		t.Fatalf("nobody has applied it: %+v", got)
	}
	applyTo := func(g *gateway) {
		g.set(func(s *bus.GatewayState) {
			s.Applied["consumer"] = es.Cursor{Epoch: consumerHead.Epoch, Position: 1}
			s.Material = credentialHead.Material
		})
	}
	applyTo(a)
	if got := fleet.Wait(t.Context(), 300*time.Millisecond); got != (bus.Applied{Applied: 1, Live: 2}) {
		t.Fatalf("one has: %+v", got)
	}
	answer := make(chan time.Duration, 1)
	go func() {
		if got := fleet.Wait(context.Background(), 5*time.Second); got != (bus.Applied{Applied: 2, Live: 2}) {
			t.Errorf("both have: %+v", got)
		}
		answer <- 0
	}()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	applyTo(b)
	<-answer
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Fatalf("the answer came %s after the last gateway had applied it", took)
	}
	t.Run("a foreign epoch is not applied", func(t *testing.T) {
		a.set(func(s *bus.GatewayState) { s.Applied["consumer"] = es.Cursor{Epoch: "another", Position: 99} })
		eventually(t, "it is heard", func() bool { return fleet.Wait(t.Context(), 50*time.Millisecond).Applied == 1 })
		for _, g := range fleet.Gateways() {
			if g.ID == "gw.a" && g.Lag != 1 {
				t.Fatalf("its lag is %d", g.Lag)
			}
		}
	})
}

func TestAHeadThatCannotBeLearntIsNotApplied(t *testing.T) {
	server := bustest.Start(t)
	serveAll(t, server.URL(), "catalog")
	fleet := newFleet(t, server.URL())
	g, _ := newGateway(t, server.URL(), "gw")
	run(t, g.pulse.Run)
	eventually(t, "it is live", func() bool { return status(fleet, "gw") == bus.GatewayLive })
	if got := fleet.Wait(t.Context(), 500*time.Millisecond); got != (bus.Applied{Live: 1}) {
		t.Fatalf("%+v", got)
	}
}

func TestAGatewaysLife(t *testing.T) {
	server := bustest.Start(t)
	serveAll(t, server.URL())
	fleet := newFleet(t, server.URL())
	g, conn := newGateway(t, server.URL(), "gw")
	leave := run(t, g.pulse.Run)
	eventually(t, "it is live", func() bool { return status(fleet, "gw") == bus.GatewayLive })
	g.set(func(s *bus.GatewayState) { s.Stale = true })
	eventually(t, "it is stale", func() bool { return status(fleet, "gw") == bus.GatewayStale })

	leave()
	eventually(t, "it has said goodbye", func() bool { return status(fleet, "gw") == "unknown" })
	if got := fleet.Wait(t.Context(), time.Second); got != (bus.Applied{}) {
		t.Fatalf("nobody is there: %+v", got)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = g.pulse.Run(ctx) }()
	eventually(t, "it is back", func() bool { return status(fleet, "gw") == bus.GatewayStale })
	time.Sleep(200 * time.Millisecond) // its entry in the roster is written
	conn.Close()                       // it dies without a goodbye
	cancel()
	<-done
	eventually(t, "it is lost", func() bool { return status(fleet, "gw") == bus.GatewayLost })
	began := time.Now()
	if got := fleet.Wait(t.Context(), 30*time.Second); got != (bus.Applied{Unconfirmed: 1}) {
		t.Fatalf("it may still serve: %+v", got)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Fatalf("with no live gateway the answer took %s", took)
	}

	later := newFleet(t, server.URL())
	eventually(t, "a process that starts later knows of it", func() bool { return status(later, "gw") == bus.GatewayLost })

	fleet.Remove("gw")
	eventually(t, "it is removed everywhere", func() bool { return status(fleet, "gw") == "unknown" && status(later, "gw") == "unknown" })
	latest := newFleet(t, server.URL())
	if got := latest.Wait(t.Context(), time.Second); got != (bus.Applied{}) {
		t.Fatalf("it was removed: %+v", got)
	}
	again, _ := newGateway(t, server.URL(), "gw")
	run(t, again.pulse.Run)
	eventually(t, "one that is heard again is back", func() bool { return status(fleet, "gw") == bus.GatewayLive })
}

func TestAServerThatRestartsFindsItsFleetAgain(t *testing.T) {
	server := bustest.Start(t)
	serveAll(t, server.URL())
	fleet := newFleet(t, server.URL())
	g, _ := newGateway(t, server.URL(), "gw")
	run(t, g.pulse.Run)
	eventually(t, "it is live", func() bool { return status(fleet, "gw") == bus.GatewayLive })
	server.Kill()
	eventually(t, "it is lost while NATS is away", func() bool { return status(fleet, "gw") == bus.GatewayLost })
	if got := fleet.Wait(t.Context(), time.Second); got != (bus.Applied{Unconfirmed: 1}) {
		t.Fatalf("%+v", got)
	}
	server.Restart()
	eventually(t, "it is live again", func() bool { return fleet.Wait(t.Context(), time.Second) == bus.Applied{Applied: 1, Live: 1} })
}
