// Package gateway lets through exactly the calls that follow from the facts.
//
// It folds the events of every context into the rule, keeps that fold on disk,
// and decides about each call with it alone: no call waits for another service.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/services/gateway/internal/admin"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/limit"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
	"github.com/tidegate-io/tidegate/services/gateway/internal/proxy"
	"github.com/tidegate-io/tidegate/services/gateway/internal/upstream"
)

// Service answers the gateway.
func Service() app.Service {
	return app.Service{Name: "gateway", Ring: true, Dir: true, Start: start}
}

// drainTime is what calls in flight have to end, within the process's own.
const drainTime = app.DrainTime - 2*time.Second

func start(ctx context.Context, d app.Deps) error {
	id, err := projection.Identity(d.Path("id"))
	if err != nil {
		return fmt.Errorf("name this gateway: %w", err)
	}
	var pulse *bus.Pulse
	facts := projection.New(projection.Config{
		Dir: filepath.Join(d.Dir, "projection"), Streams: d.Bus, Ring: d.Ring, Registry: d.Registry, Log: d.Log,
		Changed: func() { pulse.Changed() },
	})
	pulse = bus.NewPulse(d.Bus, id, app.Version(), facts.Beat)
	d.Health.Require("projection", func(context.Context) error { return facts.Ready() })
	metrics, err := admin.NewMetrics(d.Telemetry.Registry, facts)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	defer metrics.Close()
	decider := &authz.Decider{State: facts.State, Verifier: authn.New(d.Ring), Limiter: limit.New()}
	upstreams := &upstream.Set{}
	data := proxy.New(proxy.Config{Decider: decider, Upstreams: upstreams, Clock: d.Clock, Log: d.Log, Observe: metrics.Observe})
	second := admin.New(admin.Config{Decider: decider, Projection: facts, Clock: d.Clock, Observe: metrics.Observe})
	d.Health.Mount(second, d.Telemetry.Metrics())

	listener, err := d.Listen(app.GatewayListener)
	if err != nil {
		return err
	}
	adminListener, err := d.Listen(app.GatewayAdminListener)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	d.Log.Info("gateway", "id", id, "address", listener.Addr().String(), "admin_address", adminListener.Addr().String())

	// What decides outlives what serves: calls in flight end with it in force.
	facing, stopFacing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFacing()
	parts, ending := errgroup.WithContext(ctx)
	parts.Go(func() error { return serve("data path", listener, data.Serve) })
	parts.Go(func() error { return serve("admin address", adminListener, second.Listener) })
	parts.Go(func() error { return orderly(facing, facts.Run(facing)) })
	parts.Go(func() error { return orderly(facing, pulse.Run(facing)) })
	parts.Go(func() error { return orderly(facing, upstreams.Run(facing)) })
	parts.Go(func() error {
		<-ending.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		err := data.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			d.Log.Warn("calls were cut off that did not end in time")
			err = nil
		}
		stopFacing()
		return errors.Join(err, second.ShutdownWithTimeout(time.Second))
	})
	return parts.Wait()
}

// serve serves until the listener is closed in order.
func serve(what string, listener net.Listener, serve func(net.Listener) error) error {
	if err := serve(listener); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// orderly is no error when a part ended because it was told to.
func orderly(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}
