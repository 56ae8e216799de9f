package bus

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidegate-io/tidegate/libs/es"
)

// GatewayState is what a gateway says of itself: what is in force and on its
// disk.
type GatewayState struct {
	Applied  map[string]es.Cursor // by context
	Material int64                // position
	KeyIDs   []string             // of its key ring
	Hash     string               // of its projection: equal states, equal hash
	Stale    bool                 // it serves a last good state and is cut off from the streams
}

// gatewayBeat is a gateway's heartbeat, and its entry in the roster.
type gatewayBeat struct {
	Gateway  string               `json:"gateway"`
	Instance string               `json:"instance"`
	Version  string               `json:"version,omitempty"`
	Applied  map[string]es.Cursor `json:"applied,omitempty"`
	Material int64                `json:"material,omitempty"`
	KeyIDs   []string             `json:"key_ids,omitempty"`
	Hash     string               `json:"hash,omitempty"`
	Stale    bool                 `json:"stale,omitempty"`
	Gone     bool                 `json:"gone,omitempty"` // a goodbye, or removed
}

// Pulse tells everybody how far a gateway is: each second, and within 5 ms of a
// change. It also enters the gateway in the roster, so that a process that
// starts later knows of gateways that have fallen silent.
type Pulse struct {
	conn        *Conn
	id, version string
	state       func() GatewayState
	changed     chan struct{}
	enrolled    atomic.Bool
}

// NewPulse makes the pulse of a gateway. state is called by Run alone and must
// not block.
func NewPulse(c *Conn, id, version string, state func() GatewayState) *Pulse {
	return &Pulse{conn: c, id: id, version: version, state: state, changed: make(chan struct{}, 1)}
}

// Changed says that the state has changed. It never blocks.
func (p *Pulse) Changed() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Run beats until ctx ends, then says goodbye, so that a gateway that was shut
// down is not waited for, and returns ctx's error. A gateway that dies without
// it counts as unconfirmed until it is back or removed.
func (p *Pulse) Run(ctx context.Context) error {
	asked, err := p.conn.nc.Subscribe(helloSubject, func(*nats.Msg) { p.Changed() })
	if err != nil {
		return fmt.Errorf("pulse of gateway %s: %w", p.id, err)
	}
	defer func() { _ = asked.Unsubscribe() }()
	removed, err := p.conn.nc.Subscribe(rosterSubject+token(p.id), func(m *nats.Msg) {
		var entry gatewayBeat
		if json.Unmarshal(m.Data, &entry) == nil && entry.Gone {
			p.enrolled.Store(false) // but it is here
			p.Changed()
		}
	})
	if err != nil {
		return fmt.Errorf("pulse of gateway %s: %w", p.id, err)
	}
	defer func() { _ = removed.Unsubscribe() }()

	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	for {
		again := p.conn.reconnected()
		last := time.Now()
		if p.conn.Connected() {
			p.beat(ctx)
		}
		select {
		case <-ctx.Done():
			_ = removed.Unsubscribe()
			p.goodbye(ctx)
			return ctx.Err()
		case <-tick.C:
		case <-again:
		case <-p.changed:
			_ = pause(ctx, time.Until(last.Add(coalesceTime)))
			select { // what came meanwhile is in this beat
			case <-p.changed:
			default:
			}
		}
	}
}

func (p *Pulse) beat(ctx context.Context) {
	state := p.state()
	p.publish(gatewayBeat{
		Gateway: p.id, Instance: p.conn.instance, Version: p.version,
		Applied: state.Applied, Material: state.Material, KeyIDs: state.KeyIDs, Hash: state.Hash, Stale: state.Stale,
	})
	if !p.enrolled.Load() {
		p.enrolled.Store(true)
		go p.enrol(ctx, gatewayBeat{Gateway: p.id, Instance: p.conn.instance, Version: p.version})
	}
}

func (p *Pulse) publish(beat gatewayBeat) {
	body, err := json.Marshal(beat)
	if err == nil {
		err = p.conn.nc.Publish(pulseSubject+token(p.id), body)
	}
	if err != nil {
		p.conn.log.Debug("a heartbeat was not sent", "error", err)
	}
}

// enrol writes the gateway's entry in the roster; it is tried again with a later
// beat.
func (p *Pulse) enrol(ctx context.Context, entry gatewayBeat) {
	if err := p.conn.writeRoster(ctx, entry); err != nil {
		p.enrolled.Store(false)
		p.conn.log.Debug("the gateway is not in the roster yet", "error", err)
	}
}

func (p *Pulse) goodbye(ctx context.Context) {
	if !p.conn.Connected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatInterval)
	defer cancel()
	gone := gatewayBeat{Gateway: p.id, Instance: p.conn.instance, Gone: true}
	p.publish(gone)
	if err := p.conn.writeRoster(ctx, gone); err != nil {
		p.conn.log.Warn("the goodbye was not written: the gateway will be listed as lost", "error", err)
	}
	_ = p.conn.nc.FlushWithContext(ctx)
}

// writeRoster replaces a gateway's entry. The fleets make the stream.
func (c *Conn) writeRoster(ctx context.Context, entry gatewayBeat) error {
	body, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("write roster: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, beatInterval)
	defer cancel()
	if _, err := c.js.Publish(ctx, rosterSubject+token(entry.Gateway), body); err != nil {
		return fmt.Errorf("write roster: %w", err)
	}
	return nil
}

var plainToken = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// token makes one subject token of an id.
func token(id string) string {
	if plainToken.MatchString(id) {
		return id
	}
	return "hex-" + hex.EncodeToString([]byte(id))
}
