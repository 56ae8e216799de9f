package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/telemetry"
)

// process is what the services of one process have in common.
type process struct {
	cfg       Config
	log       *slog.Logger
	clock     func() time.Time
	registry  *events.Registry
	telemetry *telemetry.Telemetry
	health    *Health
	auth      httpapi.Authenticator
	issuer    *httpapi.Issuer

	parts       []*part
	front, back []task
	closers     []func() error

	mu        sync.Mutex
	listening Addresses
}

func newProcess(ctx context.Context, cfg Config) (*process, error) {
	p := &process{
		cfg:       cfg,
		clock:     cfg.Wiring.Clock,
		registry:  Registry(),
		health:    newHealth(),
		telemetry: cfg.Wiring.Telemetry,
		listening: Addresses{},
	}
	if p.clock == nil {
		p.clock = time.Now
	}
	if p.telemetry == nil {
		started, err := telemetry.Start(ctx, telemetry.Config{
			Service: "tidegate", Version: Version(), Level: cfg.LogLevel, Format: cfg.LogFormat,
		})
		if err != nil {
			return nil, err
		}
		p.telemetry = started
		p.closers = append(p.closers, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			if err := started.Shutdown(ctx); err != nil {
				p.log.Warn("telemetry was not delivered", "error", err)
			}
			return nil
		})
	}
	p.log = p.telemetry.Log
	return p, nil
}

// open opens every service, those that front the others last.
func (p *process) open(ctx context.Context, all []Service) error {
	ordered := slices.Clone(all)
	slices.SortStableFunc(ordered, func(a, b Service) int { return rank(a) - rank(b) })
	if len(ordered) == 0 {
		return errors.New("there is no service to run")
	}
	fronted := ordered[len(ordered)-1].Front
	peers := map[string]fasthttp.RequestHandler{}
	for _, s := range ordered {
		part, err := p.openPart(ctx, s, peers)
		if err != nil {
			return fmt.Errorf("start the %s service: %w", s.Name, err)
		}
		if part.handler == nil {
			continue
		}
		if fronted && !s.Front {
			peers[s.Name] = part.handler
			p.front = append(p.front, task{s.Name + " api", func(ctx context.Context) error { return drainWith(ctx, part.deps.API) }})
			continue
		}
		if err := p.serveHTTP(s, part); err != nil {
			return fmt.Errorf("start the %s service: %w", s.Name, err)
		}
	}
	return nil
}

func rank(s Service) int {
	if s.Front {
		return 1
	}
	return 0
}

// listen answers the listener of a name: the one that was given, or one bound
// to the configured address.
func (p *process) listen(name string) (net.Listener, error) {
	listener := p.cfg.Wiring.Listeners[name]
	if listener == nil {
		address := p.cfg.Listen
		switch name {
		case GatewayListener:
			address = p.cfg.GatewayListen
		case GatewayAdminListener:
			address = p.cfg.GatewayAdminListen
		case ExtAuthzListener:
			address = p.cfg.ExtAuthzListen
		}
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", address); err != nil {
			return nil, fmt.Errorf("listen on %s for %s: %w", address, name, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listening[name] = listener.Addr()
	return listener, nil
}

func (p *process) addresses() Addresses {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.listening)
}

// serveHTTP serves a service's API on its own address.
func (p *process) serveHTTP(s Service, part *part) error {
	listener, err := p.listen(s.Name)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, func() error { _ = listener.Close(); return nil })
	p.front = append(p.front, task{s.Name + " api", func(ctx context.Context) error {
		return serveUntil(ctx, part.deps.API, listener)
	}})
	return nil
}

// identify sets who judges management tokens. The built-in issuer is opened on
// first need, so that a gateway alone has none.
func (p *process) identify() error {
	switch {
	case p.auth != nil:
	case p.cfg.Wiring.Auth != nil:
		p.auth = p.cfg.Wiring.Auth
		p.issuer, _ = p.auth.(*httpapi.Issuer)
	case p.cfg.AuthJWKSURL != "":
		p.auth = httpapi.Remote(httpapi.RemoteConfig{Issuer: p.cfg.AuthIssuer, JWKSURL: p.cfg.AuthJWKSURL, Audience: p.cfg.AuthAudience})
	default:
		issuer, err := httpapi.BuiltIn(IssuerFile(p.cfg.DataDir))
		if err != nil {
			return err
		}
		p.auth, p.issuer = issuer, issuer
	}
	return nil
}

// IssuerFile is where the built-in issuer's key is in a data directory.
func IssuerFile(dataDir string) string { return filepath.Join(dataDir, "issuer.pem") }

// KeyringFile is where the key ring is in a data directory.
func KeyringFile(dataDir string) string { return filepath.Join(dataDir, "keyring.json") }

// close closes everything in the reverse order of opening.
func (p *process) close() error {
	var faults []error
	for _, closer := range slices.Backward(p.closers) {
		faults = append(faults, closer())
	}
	return errors.Join(faults...)
}
