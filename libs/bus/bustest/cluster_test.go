package bustest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
)

// TestAClusterCarriesEverythingThoughItsNodesDie runs services, a gateway and
// the portal with the users and permissions of deploy/nats, each stream on three
// nodes.
func TestAClusterCarriesEverythingThoughItsNodesDie(t *testing.T) {
	cluster := bustest.NewCluster(t, 3)
	as := func(user string) *bus.Conn {
		conn, err := bus.Connect(t.Context(), bus.Config{URL: cluster.URL(user), Name: user, Replicas: 3})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		return conn
	}
	services, relays := map[string]*service{}, map[string]*bus.Relay{}
	for _, name := range bus.Contexts {
		s := newService(t, name)
		services[name] = s
		for range 2 {
			conn, store := as(name), s.open()
			relays[name] = bus.NewRelay(conn, name, store)
			run(t, relays[name].Run)
			run(t, func(ctx context.Context) error { return conn.ServeHead(ctx, name, store) })
		}
	}
	owner, reader := services["consumer"], services["credential"]

	sub := bus.NewSubscriber(as("credential"), bus.SubscriberConfig{
		Service: "credential", Store: reader.open(consumers), Registry: registry, Sources: []string{"consumer"},
	})
	run(t, sub.Run)

	sink, material := &fold{}, &sealed{}
	gw := as("gateway")
	run(t, func(ctx context.Context) error { return gw.Replay(ctx, "consumer", es.Cursor{}, sink) })
	run(t, func(ctx context.Context) error { return gw.ReplayMaterial(ctx, material) })
	pulse := bus.NewPulse(gw, "gw", "test", func() bus.GatewayState {
		material.mu.Lock()
		defer material.mu.Unlock()
		return bus.GatewayState{Applied: map[string]es.Cursor{"consumer": sink.at()}, Material: material.last}
	})
	run(t, pulse.Run)
	fleet := bus.NewFleet(as("portal"))
	run(t, fleet.Run)

	var writing sync.WaitGroup
	writing.Go(func() {
		store := owner.open()
		for i := range 800 {
			id := fmt.Sprintf("c%d", i)
			if _, err := tryAppend(store, id, consumer.Registered{Concerns: events.Concerns{ConsumerID: id}, Name: id}); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	for node := range 3 {
		time.Sleep(500 * time.Millisecond)
		cluster.Kill(node)
		put(reader, fmt.Sprintf("cred_%d", node), "sealed")
		time.Sleep(500 * time.Millisecond)
		cluster.Restart(node)
	}
	writing.Wait()
	for range 20 {
		pulse.Changed()
		time.Sleep(5 * time.Millisecond)
	}

	eventually(t, "the stream equals SQL", func() bool {
		bare := bareJS(t, dialURL(t, cluster, "consumer"))
		return owner.compare(bare) == nil
	})
	sink.isSQL(owner)
	want := map[string]string{"cred_0.1": "sealed", "cred_1.1": "sealed", "cred_2.1": "sealed"}
	eventually(t, "material arrives", func() bool { return material.has(want) })
	eventually(t, "the subscriber can catch up", func() bool { return sub.CatchUp(t.Context(), "consumer") == nil })
	eventually(t, "the gateway is seen to have applied all", func() bool {
		return fleet.Wait(t.Context(), time.Second) == bus.Applied{Applied: 1, Live: 1}
	})
	if _, err := bus.BumpEpoch(t.Context(), as("consumer"), "consumer", owner.store, bus.BumpOptions{}); err != nil {
		t.Fatal(err)
	}
	sink.isSQL(owner)
	if _, err := bus.BumpEpoch(t.Context(), as("credential"), "credential", reader.store, bus.BumpOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "material arrives again", func() bool { return material.has(want) })
}
