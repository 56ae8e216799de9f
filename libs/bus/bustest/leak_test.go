package bustest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
)

func TestWhatEndsLeavesNothingRunning(t *testing.T) {
	server := bustest.Start(t)
	owner, reader := newService(t, "credential"), newService(t, "consumer")
	store := reader.open()
	before := goleak.IgnoreCurrent()
	conn, err := bus.Connect(t.Context(), bus.Config{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	sub := bus.NewSubscriber(conn, bus.SubscriberConfig{Service: "consumer", Store: store, Registry: registry, Sources: []string{"credential"}})
	fleet := bus.NewFleet(conn)
	sink := &fold{}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, what := range []func(context.Context) error{
		bus.NewRelay(conn, "credential", owner.store).Run, sub.Run, fleet.Run,
		func(ctx context.Context) error { return conn.ServeHead(ctx, "credential", owner.store) },
		func(ctx context.Context) error { return conn.Replay(ctx, "credential", es.Cursor{}, sink) },
		func(ctx context.Context) error { return conn.ReplayMaterial(ctx, &sealed{}) },
		bus.NewPulse(conn, "gw", "test", func() bus.GatewayState { return bus.GatewayState{} }).Run,
	} {
		running.Go(func() { _ = what(ctx) })
	}
	owner.commit(20)
	sink.isSQL(owner)
	server.Restart()
	owner.commit(20)
	sink.isSQL(owner)
	began := time.Now()
	stop()
	running.Wait()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %s to end", took)
	}
	conn.Close()
	goleak.VerifyNone(t, before)
}
