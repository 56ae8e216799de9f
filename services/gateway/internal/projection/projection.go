// Package projection keeps what the gateway decides with: the rule and the
// material, folded from all streams, in memory for readers that take no lock, and
// on disk so that a restart with everything else down goes on where it was.
//
// What it promises: a position is reported once it is in force and synced to
// disk; what was revoked is refused from the moment its event is folded, and its
// material is gone from disk within a minute; nothing is served before it has
// caught up, unless it cannot be asked for and what is on disk is whole. What it
// does not promise: that it knows what happened while it was cut off. State.Age
// tells for how long that was.
package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// Streams is where events come from: *bus.Conn.
type Streams interface {
	Connected() bool
	Replay(ctx context.Context, context string, from es.Cursor, sink bus.Sink) error
	ReplayMaterial(ctx context.Context, sink bus.MaterialSink) error
}

// Config says where a projection is kept and what it reads.
type Config struct {
	Dir      string
	Streams  Streams
	Ring     *secret.Ring
	Registry *events.Registry
	Log      *slog.Logger
	// Patience is how long a start waits for streams that say nothing before it
	// serves what is on disk. 0: 5 s.
	Patience time.Duration
	// Changed is called when what Reported answers has changed. It must not
	// block. It may be nil.
	Changed func()
	// Applied is told how long a step took to be in force. It must not block. It
	// may be nil.
	Applied func(took time.Duration)
}

// State is what decisions are made with. Everything in it is safe for any number
// of readers while it changes.
type State struct {
	Rule    *access.Snapshot
	Digests *material.Index
	Proofs  *material.Proofs
	sources *[5]source
}

// Older says whether some source may have said something longer ago than the
// bound that is not in the state.
func (s *State) Older(bound time.Duration) bool {
	now := time.Now()
	for i := range s.sources {
		if age, known := s.sources[i].age(now); !known || age > bound {
			return true
		}
	}
	return false
}

// Projection is the fold that is served and, at times, the one that will replace
// it.
type Projection struct {
	cfg     Config
	serving atomic.Pointer[State]

	mu      sync.Mutex
	current *generation // the one that counts on disk; nil: none yet
	active  *generation // the one that follows the streams
}

// New makes a projection; Run brings it to life.
func New(cfg Config) *Projection {
	if cfg.Patience == 0 {
		cfg.Patience = 5 * time.Second
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.Applied == nil {
		cfg.Applied = func(time.Duration) {}
	}
	return &Projection{cfg: cfg}
}

// State answers what to decide with; nil: nothing may be served.
func (p *Projection) State() *State { return p.serving.Load() }

// Run opens what is on disk and follows the streams until ctx ends, and returns
// its error. It fails earlier only when nothing can be written at the start.
func (p *Projection) Run(ctx context.Context) error {
	g, err := p.open()
	if err != nil {
		return err
	}
	for {
		p.follow(ctx, g)
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), p.close())
		}
		p.cfg.Log.Warn("the projection is built anew from the streams", "reason", g.reason)
		if g, err = p.rebuild(ctx, g); err != nil {
			return errors.Join(err, p.close())
		}
	}
}

// open answers the generation on disk, or a new one when there is none that can
// be read.
func (p *Projection) open() (*generation, error) {
	if err := os.MkdirAll(p.cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open projection: %w", err)
	}
	f := newFold(p.cfg.Registry, p.cfg.Ring, p.cfg.Log)
	s, err := openStore(p.cfg.Dir, f)
	if err == nil {
		g := newGeneration(f, s, p.settle, p.cfg.Applied)
		if f.undecoded > 0 || f.broken || f.rule.Unreadable() {
			g.fail(errRelease)
		}
		p.mu.Lock()
		p.current, p.active = g, g
		p.mu.Unlock()
		return g, nil
	}
	if !errors.Is(err, errNothing) {
		p.cfg.Log.Error("what is kept on disk cannot be used: it is read from the streams again", "error", err)
	}
	return p.begin()
}

// begin makes a generation that knows nothing.
func (p *Projection) begin() (*generation, error) {
	s, err := createStore(p.cfg.Dir)
	if err != nil {
		return nil, err
	}
	g := newGeneration(newFold(p.cfg.Registry, p.cfg.Ring, p.cfg.Log), s, p.settle, p.cfg.Applied)
	p.mu.Lock()
	p.active = g
	p.mu.Unlock()
	return g, nil
}

// rebuildPause keeps a fault that stays from costing a rebuild after the other.
const rebuildPause = time.Second

// rebuild puts a new generation in the place of one that failed, as soon as the
// disk allows it. The failed one is served on until the new one has caught up.
func (p *Projection) rebuild(ctx context.Context, failed *generation) (*generation, error) {
	if !p.isCurrent(failed) { // the current one's journal is closed when the next takes its place
		_ = failed.store.log.Close()
	}
	for {
		select {
		case <-time.After(rebuildPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		g, err := p.begin()
		if err == nil {
			return g, nil
		}
		p.cfg.Log.Error("the projection cannot be written", "error", err)
	}
}

func (p *Projection) isCurrent(g *generation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current == g
}

// follow reads the streams into a generation until it fails or ctx ends.
func (p *Projection) follow(ctx context.Context, g *generation) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var readers sync.WaitGroup
	for i, name := range bus.Contexts {
		sink := contextSink{g, i}
		readers.Go(func() { _ = p.cfg.Streams.Replay(ctx, name, sink.from(), sink) })
	}
	readers.Go(func() { _ = p.cfg.Streams.ReplayMaterial(ctx, materialSink{g}) })
	readers.Go(func() { p.tend(ctx, g) })
	readers.Go(func() { g.write(ctx) })
	select {
	case <-ctx.Done():
	case <-g.failed:
	}
	cancel()
	readers.Wait()
}

// tend compacts the files, retries what waits for a key, and lets patience end.
func (p *Projection) tend(ctx context.Context, g *generation) {
	ticker := time.NewTicker(min(time.Second, p.cfg.Patience/4))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if err := g.compactWhenDue(now); err != nil {
				p.cfg.Log.Error("the projection is not compacted", "error", err)
			}
			p.retryWaiting(g)
			p.retryDisk(g)
			g.completeMaterial()
			p.settle()
		}
	}
}

// retryWaiting opens what is sealed with a key that the ring has got meanwhile.
func (p *Projection) retryWaiting(g *generation) {
	if !g.waiting() {
		return
	}
	if err := p.cfg.Ring.Reload(); err != nil { // which may ask another machine: no lock is held
		p.cfg.Log.Debug("the key ring is not read again", "error", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fold.vault.retry()
}

// waiting says whether something cannot be opened yet.
func (g *generation) waiting() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fold.vault.fault() != nil
}

// retryDisk ends a generation that lives in memory alone, once a new one can be
// written.
func (p *Projection) retryDisk(g *generation) {
	fault := g.fault()
	if fault == nil {
		return
	}
	p.cfg.Log.Error("the projection is not written to disk: nothing new is reported", "error", fault)
	probe, err := createStore(p.cfg.Dir)
	if err != nil {
		return
	}
	if err := errors.Join(probe.log.Close(), os.RemoveAll(probe.dir)); err == nil {
		g.fail(fmt.Errorf("%w: %w", errJournal, fault))
	}
}

// settle decides what is served.
func (p *Projection) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g := p.active; g != p.current && g.caughtUp() {
		p.promote(g)
	}
	var serve *State
	if p.current != nil && p.current.servable(p.cfg.Patience) {
		serve = p.current.state
	}
	p.serving.Store(serve)
	p.cfg.Changed()
}

// promote makes a generation that has caught up the one that counts.
func (p *Projection) promote(g *generation) {
	err := g.store.log.Sync()
	if err == nil {
		err = g.store.makeCurrent(p.cfg.Dir)
	}
	if err != nil {
		p.cfg.Log.Error("a new projection cannot be put in place", "error", err)
		g.fail(fmt.Errorf("%w: %w", errJournal, err))
		return
	}
	if old := p.current; old != nil {
		_ = old.store.log.Close() // its files are gone
	}
	p.current = g
}

// servable says that a generation may be in force: it has caught up, or the
// streams have said nothing for so long that they are not waited for, or it was in
// force before. One that met an event that could not be read at all may not.
func (g *generation) servable(patience time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.served = g.served || g.caughtUp() || time.Since(g.progress) >= patience
	return g.served && !g.fold.broken && !g.fold.rule.Unreadable()
}

func (p *Projection) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serving.Store(nil)
	var err error
	if p.active != nil {
		err = p.active.store.log.Close()
	}
	if p.current != nil && p.current != p.active {
		err = errors.Join(err, p.current.store.log.Close())
	}
	return err
}
