package projection

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Report is how a projection stands, for people and for the pulse.
type Report struct {
	Status   string              `json:"status"`   // starting, live or stale
	Reported map[string]Position `json:"reported"` // in force and on disk, by context
	Material int64               `json:"material"` // likewise, of the material
	Applied  map[string]int64    `json:"applied"`  // in force
	Lag      map[string]int64    `json:"lag"`      // announced and not in force
	// AgeSeconds is for how long each source may have said what is not known
	// here; -1: since before the start.
	AgeSeconds map[string]float64 `json:"age_seconds"`
	Hash       string             `json:"hash"`
	Services   int                `json:"services"`
	Secrets    int                `json:"secrets"` // material in force
	Undecoded  int64              `json:"undecoded"`
	Rebuilding bool               `json:"rebuilding"`
	KeyIDs     []string           `json:"key_ids"`
	Faults     []string           `json:"faults"`
}

// Position is how far one context was read.
type Position struct {
	Epoch    string `json:"epoch"`
	Position int64  `json:"position"`
}

// The statuses of a projection.
const (
	Starting = "starting" // nothing is served yet
	Live     = "live"
	Stale    = "stale" // the last good state is served, cut off from the streams
)

// Status answers how the projection stands.
func (p *Projection) Status() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status()
}

func (p *Projection) status() string {
	switch {
	case p.serving.Load() == nil:
		return Starting
	case p.current != p.active || !p.current.caughtUp() || !p.cfg.Streams.Connected():
		return Stale
	}
	return Live
}

// Ready answers nil, or why nothing can be served.
func (p *Projection) Ready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.serving.Load() != nil:
		return nil
	case p.current == nil:
		return errors.New("it reads the streams for the first time and has not caught up")
	case !p.current.servable(p.cfg.Patience):
		return errors.New("it has not caught up with the streams, or met an event that cannot be read")
	}
	return errors.New("it has not caught up with the streams")
}

// Serves says whether a service is known, whatever its status. While nothing is
// served, every service may be.
func (p *Projection) Serves(service string) bool {
	state := p.State()
	if state == nil {
		return true
	}
	_, known := state.Rule.Service(service)
	return known
}

// Beat answers what the pulse tells everybody.
func (p *Projection) Beat() bus.GatewayState {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := bus.GatewayState{KeyIDs: p.cfg.Ring.KeyIDs(), Stale: p.status() == Stale, Applied: map[string]es.Cursor{}}
	g := p.reporting()
	if g == nil {
		return state
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, name := range bus.Contexts {
		state.Applied[name] = g.reported.cursors[i]
	}
	state.Material, state.Hash = g.reported.material, g.fold.hash()
	return state
}

// reporting is the generation that counts: what is served, or what will be.
func (p *Projection) reporting() *generation {
	if p.current != nil {
		return p.current
	}
	return p.active
}

// Report answers everything about the projection.
func (p *Projection) Report() Report {
	beat := p.Beat()
	p.mu.Lock()
	defer p.mu.Unlock()
	r := Report{
		Status: p.status(), Reported: map[string]Position{}, Material: beat.Material, Hash: beat.Hash, KeyIDs: beat.KeyIDs,
		Applied: map[string]int64{}, Lag: map[string]int64{}, AgeSeconds: map[string]float64{},
		Rebuilding: p.current != p.active, Faults: []string{},
	}
	for name, cursor := range beat.Applied {
		r.Reported[name] = Position(cursor)
	}
	g := p.reporting()
	if g == nil {
		return r
	}
	now := time.Now()
	for i, name := range append(slices.Clip(bus.Contexts), "material") {
		r.Lag[name], r.AgeSeconds[name] = g.sources[i].lag(), -1
		if age, known := g.sources[i].age(now); known {
			r.AgeSeconds[name] = age.Seconds()
		}
	}
	for range g.fold.rule.Services {
		r.Services++
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, name := range bus.Contexts {
		r.Applied[name] = g.fold.cursors[i].Position
	}
	r.Applied["material"] = g.fold.position
	r.Secrets, r.Undecoded = g.fold.vault.len(), g.fold.undecoded
	for _, fault := range []error{g.fold.vault.fault(), g.diskless} {
		if fault != nil {
			r.Faults = append(r.Faults, fault.Error())
		}
	}
	if r.Undecoded > 0 {
		r.Faults = append(r.Faults, fmt.Sprintf("%d events could not be decoded: their subjects are denied", r.Undecoded))
	}
	return r
}
