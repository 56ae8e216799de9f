// Package up runs the whole of Tidegate in one process: every service with its
// own store and its own connection, an embedded NATS server, the gateway and the
// portal. Nothing but configuration differs from running them apart.
package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus/embedded"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/telemetry"
	"github.com/tidegate-io/tidegate/services/catalog"
	"github.com/tidegate-io/tidegate/services/consumer"
	"github.com/tidegate-io/tidegate/services/credential"
	"github.com/tidegate-io/tidegate/services/gateway"
	"github.com/tidegate-io/tidegate/services/portal"
	"github.com/tidegate-io/tidegate/services/subscription"
)

// Services are all of them.
func Services() []app.Service {
	return []app.Service{
		consumer.Service(), credential.Service(), catalog.Service(), subscription.Service(), gateway.Service(), portal.Service(),
	}
}

// Config says how to run.
type Config struct {
	App          app.Config // without addresses and wiring
	Management   Address
	Gateway      Address
	GatewayAdmin Address
	ExtAuthz     Address // an empty Value: not at all
	NATS         Address // an empty Value: in process alone
	Demo         bool
	JSON         bool // the ready line, in place of the banner

	Stdout, Stderr io.Writer
}

// adminTime is how long the administrator's token of the ready line is valid.
const adminTime = 30 * 24 * time.Hour

// Run runs until ctx ends.
//
//  1. It takes the data directory, binds every address and starts NATS.
//  2. It runs the services until all of them are ready.
//  3. It loads the demonstration, when asked to, and says where everything is.
//  4. It drains when ctx ends, the services first and NATS last.
func Run(ctx context.Context, cfg Config) (err error) {
	release, err := Lock(cfg.App.DataDir)
	if err != nil {
		return err
	}
	defer release()
	reporting, err := telemetry.Start(ctx, telemetry.Config{
		Service: "tidegate", Version: app.Version(), Level: cfg.App.LogLevel, Format: cfg.App.LogFormat, Output: cfg.Stderr,
	})
	if err != nil {
		return err
	}
	defer shutdown(reporting)

	bound, err := bind(ctx, cfg)
	if err != nil {
		return err
	}
	defer bound.close()
	if cfg.App.PublicURL == "" {
		cfg.App.PublicURL = bound.origin("portal")
	}
	cfg.App.Wiring = app.Wiring{Listeners: bound, Telemetry: reporting}
	ready := Ready{Ready: true, DataDir: cfg.App.DataDir, NATSURL: cfg.App.NATSURL}
	if cfg.App.NATSURL == "" {
		server, err := startNATS(ctx, cfg, reporting.Log)
		if err != nil {
			return err
		}
		defer server.Shutdown()
		cfg.App.Wiring.InProcess = server.Conn()
		ready.NATSURL = server.ReaderURL()
	}

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var announcing sync.WaitGroup
	cfg.App.Wiring.Ready = func(app.Addresses) {
		announcing.Go(func() {
			if err := announce(ctx, cfg, bound, ready, reporting.Log); err != nil {
				stop(err) // of no effect when it was stopped before
			}
		})
	}
	err = app.Run(ctx, cfg.App, Services()...)
	announcing.Wait()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func shutdown(reporting *telemetry.Telemetry) {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if err := reporting.Shutdown(ctx); err != nil {
		reporting.Log.Warn("telemetry was not delivered", "error", err)
	}
}

// listeners are bound addresses, by name.
type listeners map[string]net.Listener

func bind(ctx context.Context, cfg Config) (listeners, error) {
	bound := listeners{}
	for _, l := range []struct {
		name, what string
		address    Address
	}{
		{"portal", "the management API", cfg.Management},
		{app.GatewayListener, "the gateway", cfg.Gateway},
		{app.GatewayAdminListener, "the gateway's admin address", cfg.GatewayAdmin},
		{app.ExtAuthzListener, "decisions for Envoy", cfg.ExtAuthz},
	} {
		if l.address.Value == "" {
			continue
		}
		listener, err := Listen(ctx, l.what, l.address)
		if err != nil {
			bound.close()
			return nil, err
		}
		bound[l.name] = listener
	}
	return bound, nil
}

func (l listeners) close() {
	for _, listener := range l {
		_ = listener.Close()
	}
}

func (l listeners) url(name string) string { return "http://" + l[name].Addr().String() }

// origin is the address at which clients reach a listener; empty when it listens
// on every interface, where each client knows another one.
func (l listeners) origin(name string) string {
	if at, ok := l[name].Addr().(*net.TCPAddr); !ok || at.IP.IsUnspecified() {
		return ""
	}
	return l.url(name)
}

// startNATS starts the embedded server on its address. The port is found by
// binding it, so that a taken default gives the next one.
func startNATS(ctx context.Context, cfg Config, log *slog.Logger) (*embedded.Server, error) {
	address := ""
	if cfg.NATS.Value != "" {
		probe, err := Listen(ctx, "NATS", cfg.NATS)
		if err != nil {
			return nil, err
		}
		address = probe.Addr().String()
		_ = probe.Close()
	}
	server, err := embedded.Start(ctx, embedded.Config{Dir: filepath.Join(cfg.App.DataDir, "nats"), Listen: address, Log: log})
	if err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	return server, nil
}

// announce loads the demonstration and says where everything is.
func announce(ctx context.Context, cfg Config, bound listeners, ready Ready, log *slog.Logger) error {
	ready.ManagementURL = bound.url("portal")
	ready.GatewayURL = bound.url(app.GatewayListener)
	ready.GatewayAdminURL = bound.url(app.GatewayAdminListener)
	if listener := bound[app.ExtAuthzListener]; listener != nil {
		ready.ExtAuthzAddress = listener.Addr().String()
	}
	var err error
	if ready.AdminToken, err = adminToken(cfg.App); err != nil {
		return err
	}
	var shown *Demo
	if cfg.Demo {
		if shown, err = loadDemo(ctx, cfg.App.DataDir, ready, log); err != nil {
			return fmt.Errorf("load the demonstration: %w", err)
		}
	}
	if err := ready.save(); err != nil {
		return err
	}
	if cfg.JSON {
		return ready.Line(cfg.Stdout)
	}
	return banner(cfg, ready, shown)
}

// adminToken makes the administrator's token; none when tokens come from an
// identity provider.
func adminToken(cfg app.Config) (string, error) {
	if cfg.AuthJWKSURL != "" {
		return "", nil
	}
	issuer, err := httpapi.BuiltIn(app.IssuerFile(cfg.DataDir))
	if err != nil {
		return "", err
	}
	return issuer.Token("admin", []httpapi.Role{httpapi.Admin}, nil, adminTime)
}
