package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// part is one service of a process.
type part struct {
	service Service
	deps    Deps
	relay   *bus.Relay
	handler fasthttp.RequestHandler
}

// openPart opens what a service asked for, in the order in which each needs the
// one before, and lines up its tasks.
func (p *process) openPart(ctx context.Context, s Service, peers map[string]fasthttp.RequestHandler) (*part, error) {
	log := p.log.With("service", s.Name)
	opened := &part{service: s, deps: Deps{
		Config:    p.cfg,
		Log:       log,
		Clock:     p.clock,
		Registry:  p.registry,
		Health:    p.health,
		Telemetry: p.telemetry,
		Dir:       filepath.Join(p.cfg.DataDir, s.Name),
		process:   p,
	}}
	if s.Front {
		opened.deps.Peers = peers
	}
	p.parts = append(p.parts, opened)
	for _, step := range []func(context.Context, *part) error{
		p.openFiles, p.openStore, p.openBus, p.openReaders, p.openAPI, p.openStart,
	} {
		if err := step(ctx, opened); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

// openFiles opens the key ring and the service's own folder.
func (p *process) openFiles(ctx context.Context, part *part) error {
	if part.service.Dir {
		if err := os.MkdirAll(part.deps.Dir, 0o700); err != nil {
			return fmt.Errorf("make its folder: %w", err)
		}
	}
	if !part.service.Ring {
		return nil
	}
	return p.openRing(ctx, part)
}

// openBus connects to NATS, which may be down, and lines up the relay, the head
// and the fleet.
func (p *process) openBus(ctx context.Context, part *part) error {
	s, d := part.service, &part.deps
	conn, err := bus.Connect(ctx, bus.Config{
		URL:       p.cfg.NATSURL,
		Name:      s.Name,
		InProcess: p.cfg.Wiring.InProcess,
		Replicas:  p.cfg.NATSReplicas,
		Namespace: p.cfg.Namespace,
		Log:       d.Log,
	})
	if err != nil {
		return fmt.Errorf("connect to the bus: %w", err)
	}
	p.closers = append(p.closers, func() error { conn.Close(); return nil })
	d.Bus = conn
	if ring := d.Ring; ring != nil {
		conn.TellKeys(func() (ids, active []string) { return ring.KeyIDs(), ring.ActiveIDs() })
	}
	p.health.Watch(s.Name+" bus", func(context.Context) error {
		if !conn.Connected() {
			return errors.New("not connected to NATS")
		}
		return nil
	})
	if len(s.Writes) > 0 {
		part.relay = bus.NewRelay(conn, s.Name, d.Store)
		p.back = append(p.back, task{s.Name + " relay", part.relay.Run},
			task{s.Name + " head", func(ctx context.Context) error { return conn.ServeHead(ctx, s.Name, d.Store) }})
		p.health.Watch(s.Name+" relay", func(context.Context) error { return part.relay.Status().Blocked })
	}
	if s.Routes != nil {
		d.Fleet = bus.NewFleet(conn)
		p.back = append(p.back, task{s.Name + " fleet", d.Fleet.Run})
	}
	return nil
}

// openReaders lines up the folds of others' events and the reactions to them.
func (p *process) openReaders(_ context.Context, part *part) error {
	s, d := part.service, &part.deps
	if len(s.Reads) == 0 {
		return nil
	}
	var reactors []es.Reactor
	if s.Policies != nil {
		reactors = s.Policies(*d)
	}
	d.Subscriber = bus.NewSubscriber(d.Bus, bus.SubscriberConfig{
		Service: s.Name, Store: d.Store, Registry: p.registry, Sources: s.Reads, Reactors: reactors, Log: d.Log,
	})
	p.back = append(p.back, task{s.Name + " subscriber", d.Subscriber.Run})
	return nil
}

// openAPI registers the service's operations, and what every address has
// besides: health, metrics and its own OpenAPI document.
func (p *process) openAPI(_ context.Context, part *part) error {
	s, d := part.service, &part.deps
	if s.Routes == nil {
		return nil
	}
	if err := p.identify(); err != nil {
		return fmt.Errorf("set up who may call: %w", err)
	}
	d.Issuer = p.issuer
	cfg := httpapi.Config{Service: s.Name, Version: Version(), Auth: p.auth, Waiter: waiter{d.Fleet}, Log: d.Log}
	if d.Store != nil {
		cfg.Idempotency = d.Store
	}
	if d.Ring != nil {
		cfg.Fingerprints = fingerprints(d.Ring)
	}
	d.API = httpapi.New(cfg)
	p.health.Mount(d.API.Fiber(), p.telemetry.Metrics())
	if d.Subscriber != nil {
		httpapi.RegisterParked(d.API, s.Name, d.Store, d.Subscriber)
	}
	if part.relay != nil {
		registerState(s.Name, *d, part.relay)
	}
	if s.Resealer != nil {
		httpapi.RegisterKeyRing(d.API, s.Name, &keyring{service: s.Name, deps: *d, resealer: s.Resealer(*d)})
	}
	if err := s.Routes(*d); err != nil {
		return fmt.Errorf("register its operations: %w", err)
	}
	if !s.Front {
		mountDocument(d.API)
	}
	part.handler = d.API.Handler()
	return nil
}

// fingerprints keys what bodies are known by: a body may hold a chosen password,
// which must not be guessed from the database. After a pepper was replaced, what
// was kept under the older one is known until that is retired.
func fingerprints(ring *secret.Ring) func(body []byte) [][]byte {
	return func(body []byte) [][]byte {
		digests := ring.Digests(append([]byte("idempotent call\n"), body...)) // no secret has a line break
		sums := make([][]byte, len(digests))
		for i, digest := range digests {
			sums[i] = digest.Sum[:]
		}
		return sums
	}
}

// openStart lines up the service's background work.
func (p *process) openStart(ctx context.Context, part *part) error {
	if part.service.Prepare != nil {
		if err := part.service.Prepare(ctx, part.deps); err != nil {
			return err
		}
	}
	if part.service.Start != nil {
		p.front = append(p.front, task{part.service.Name, func(ctx context.Context) error {
			return part.service.Start(ctx, part.deps)
		}})
	}
	if part.service.Back != nil {
		p.back = append(p.back, task{part.service.Name + " back", func(ctx context.Context) error {
			return part.service.Back(ctx, part.deps)
		}})
	}
	return nil
}

// relayed says whether nothing is waiting for the relay that it could carry.
func (part *part) relayed(ctx context.Context) bool {
	if part.relay == nil || !part.deps.Bus.Connected() || part.relay.Status().Blocked != nil {
		return true
	}
	head, err := part.deps.Store.Head(ctx)
	status := part.relay.Status()
	return err != nil || status.Published >= head.Position && status.Material >= head.Material
}

// waiter lets an answer wait for the gateways.
type waiter struct{ fleet *bus.Fleet }

func (w waiter) Wait(ctx context.Context, d time.Duration) (applied, live, unconfirmed int) {
	a := w.fleet.Wait(ctx, d)
	return a.Applied, a.Live, a.Unconfirmed
}

var (
	_ httpapi.Waiter = waiter{}
)
