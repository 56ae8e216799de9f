package bustest_test

import (
	"context"
	"slices"
	"testing"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
)

func TestEverybodyTellsWhichKeysTheyHave(t *testing.T) {
	server := bustest.Start(t)
	fleet := newFleet(t, server.URL())
	s := newService(t, "credential")
	conn := connect(t, server.URL())
	conn.TellKeys(func() (ids, active []string) { return []string{"p-1", "s-1", "s-2"}, []string{"s-2", "p-1"} })
	run(t, func(ctx context.Context) error { return conn.ServeHead(ctx, "credential", s.store) })
	quiet := connect(t, server.URL())
	run(t, func(ctx context.Context) error {
		return quiet.ServeHead(ctx, "catalog", newService(t, "catalog").store)
	})
	g, _ := newGateway(t, server.URL(), "gw-1")
	g.set(func(state *bus.GatewayState) { state.KeyIDs, state.Material = []string{"s-1"}, 7 })
	run(t, g.pulse.Run)
	var heard []bus.KeyHolder
	eventually(t, "both are heard", func() bool {
		heard = fleet.KeyHolders()
		return len(heard) == 2 && len(heard[1].KeyIDs) > 0
	})
	service, gateway := heard[0], heard[1]
	if service.Service != "credential" || service.Status != bus.GatewayLive || !slices.Equal(service.KeyIDs, []string{"p-1", "s-1", "s-2"}) ||
		!slices.Equal(service.Active, []string{"s-2", "p-1"}) {
		t.Errorf("of the service: %+v", service)
	}
	if gateway.Service != "gateway" || gateway.ID != "gw-1" || gateway.Material != 7 || !slices.Equal(gateway.KeyIDs, []string{"s-1"}) {
		t.Errorf("of the gateway: %+v", gateway)
	}
}
