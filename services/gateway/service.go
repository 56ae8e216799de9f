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
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"golang.org/x/sync/errgroup"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/services/gateway/internal/accesslog"
	"github.com/tidegate-io/tidegate/services/gateway/internal/admin"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/extauthz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/limit"
	"github.com/tidegate-io/tidegate/services/gateway/internal/measure"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
	"github.com/tidegate-io/tidegate/services/gateway/internal/proxy"
	"github.com/tidegate-io/tidegate/services/gateway/internal/tracing"
	"github.com/tidegate-io/tidegate/services/gateway/internal/upstream"
	"github.com/tidegate-io/tidegate/services/gateway/internal/usage"
)

// Service answers the gateway.
func Service() app.Service {
	g := &gateway{}
	return app.Service{Name: "gateway", Ring: true, Dir: true, Prepare: g.prepare, Start: g.start}
}

// gateway is what prepare opens and start runs.
type gateway struct {
	id                      string
	facts                   *projection.Projection
	pulse                   *bus.Pulse
	upstreams               *upstream.Set
	metrics                 *admin.Metrics
	uses                    *usage.Reporter
	accesses                *accesslog.Log // nil: nobody wants to know
	data                    *proxy.Proxy
	second                  *fiber.App
	listener, adminListener net.Listener
	envoy                   *extauthz.Server
	envoyListener           net.Listener // nil: nobody asks
}

func (g *gateway) prepare(_ context.Context, d app.Deps) (err error) {
	if g.id, err = projection.Identity(d.Path("id")); err != nil {
		return fmt.Errorf("name this gateway: %w", err)
	}
	meter := measure.New()
	g.facts = projection.New(projection.Config{
		Dir: d.Path("projection"), Streams: d.Bus, Ring: d.Ring, Registry: d.Registry, Log: d.Log,
		Changed: func() { g.pulse.Changed() }, Applied: meter.Applied.Observe,
	})
	meter.Known = g.facts.Serves
	g.pulse = bus.NewPulse(d.Bus, g.id, app.Version(), g.facts.Beat)
	d.Health.Require("projection", func(context.Context) error { return g.facts.Ready() })
	if g.metrics, err = admin.NewMetrics(d.Telemetry.Registry, g.facts); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	if g.accesses, err = accesslog.Open(d.Config.AccessLog, d.Log); err != nil {
		return fmt.Errorf("TIDEGATE_ACCESS_LOG: %w", err)
	}
	var tracer *tracing.Tracer
	if d.Telemetry.Tracing() {
		tracer = tracing.New(otel.GetTracerProvider())
	}
	replays := authn.NewReplays()
	counter := usage.NewCounter()
	g.uses = usage.New(usage.Config{Gateway: g.id, Counter: counter, Report: d.Bus.ReportUsage, Path: d.Path("usage.json"), Log: d.Log})
	types := authn.Types(authn.Config{Ring: d.Ring, SignedBodyLimit: d.Config.SignedBodyLimit, Replays: replays})
	decider := &authz.Decider{State: g.facts.State, Verifier: authn.New(types), Limiter: limit.New(), Uses: counter}
	g.upstreams = &upstream.Set{}
	g.data = proxy.New(proxy.Config{
		Decider: decider, Upstreams: g.upstreams, Clock: d.Clock, Log: d.Log, SignedBodyLimit: d.Config.SignedBodyLimit,
		Observe: meter.Answered, Ended: meter.Ended, AccessLog: g.accesses, Tracer: tracer,
	})
	if err := g.metrics.Add(slices.Concat(
		[]prometheus.Collector{meter, g.upstreams}, g.uses.Metrics(), replays.Metrics(), g.data.Metrics(), g.accesses.Metrics())...); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	g.second = admin.New(admin.Config{Decider: decider, Projection: g.facts, Clock: d.Clock, Observe: meter.Answered})
	d.Health.Mount(g.second, d.Telemetry.Metrics())

	if g.listener, err = d.Listen(app.GatewayListener); err != nil {
		return err
	}
	if g.adminListener, err = d.Listen(app.GatewayAdminListener); err != nil {
		return errors.Join(err, g.listener.Close())
	}
	if d.Config.ExtAuthzListen == "" {
		return nil
	}
	g.envoy = extauthz.New(extauthz.Config{
		Decider: decider, Clock: d.Clock, Ready: g.facts.Ready, SignedBodyLimit: d.Config.SignedBodyLimit, Observe: meter.Answered,
	})
	if g.envoyListener, err = d.Listen(app.ExtAuthzListener); err != nil {
		return errors.Join(err, g.listener.Close(), g.adminListener.Close())
	}
	return nil
}

// drainTime is what calls in flight have to end, within the process's own.
const drainTime = app.DrainTime - 2*time.Second

func (g *gateway) start(ctx context.Context, d app.Deps) error {
	defer g.metrics.Close()
	d.Log.Info("gateway", "id", g.id, "address", g.listener.Addr().String(), "admin_address", g.adminListener.Addr().String())

	// What decides outlives what serves: calls in flight end with it in force.
	facing, stopFacing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFacing()
	parts, ending := errgroup.WithContext(ctx)
	parts.Go(func() error { return serve("data path", g.listener, g.data.Serve) })
	parts.Go(func() error { return serve("admin address", g.adminListener, g.second.Listener) })
	if g.envoyListener != nil {
		d.Log.Info("decides for Envoy", "address", g.envoyListener.Addr().String())
		parts.Go(func() error { return serve("decisions for Envoy", g.envoyListener, g.envoy.Serve) })
	}
	parts.Go(func() error { return orderly(facing, g.facts.Run(facing)) })
	parts.Go(func() error { return orderly(facing, g.pulse.Run(facing)) })
	parts.Go(func() error { return orderly(facing, g.upstreams.Run(facing)) })
	parts.Go(func() error { return orderly(facing, g.uses.Run(facing)) })
	if g.accesses != nil {
		parts.Go(func() error { return orderly(facing, g.accesses.Run(facing)) })
	}
	parts.Go(func() error {
		<-ending.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		err := g.drain(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			d.Log.Warn("calls were cut off that did not end in time")
			err = nil
		}
		stopFacing()
		return errors.Join(err, g.second.ShutdownWithTimeout(time.Second))
	})
	return parts.Wait()
}

// drain lets calls and questions in flight end, for as long as ctx allows.
func (g *gateway) drain(ctx context.Context) error {
	var both errgroup.Group
	both.Go(func() error { return g.data.Shutdown(ctx) })
	if g.envoyListener != nil {
		both.Go(func() error { return g.envoy.Shutdown(ctx) })
	}
	return both.Wait()
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
