package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/es"
)

// The statuses of a gateway.
const (
	GatewayLive  = "live"  // heard within LiveTime
	GatewayStale = "stale" // heard, and says that it is cut off from the streams
	GatewayLost  = "lost"  // silent without a goodbye: it may still serve
)

// Gateway is one gateway as it is heard.
type Gateway struct {
	ID       string
	Status   string
	Applied  map[string]es.Cursor // by context
	Material int64
	Lag      int64 // positions that services have announced and it has not applied
	KeyIDs   []string
	Hash     string
	LastSeen time.Time
	Version  string
}

// Applied is how many gateways have applied something.
type Applied struct {
	Applied     int // live gateways that have
	Live        int // heard within LiveTime
	Unconfirmed int // fallen silent without a goodbye: they may still serve the old state
}

// Fleet hears the heartbeats of gateways and services. It begins with the
// roster, so that a gateway that fell silent before it started is not forgotten.
type Fleet struct {
	conn *Conn

	mu      sync.Mutex
	members map[string]*member
	holders map[string]serviceMember // replicas that tell of keys
	heads   map[string]es.Head       // as announced, by service
	changed chan struct{}            // closed at the next change
	ready   chan struct{}            // closed once the roster was read
	known   sync.Once
}

// member is a gateway as it was last heard. seen has a monotonic reading.
type member struct {
	gatewayBeat
	seen time.Time
}

// NewFleet makes a fleet; it hears once Run runs.
func NewFleet(c *Conn) *Fleet {
	return &Fleet{
		conn: c, members: map[string]*member{}, holders: map[string]serviceMember{}, heads: map[string]es.Head{},
		changed: make(chan struct{}), ready: make(chan struct{}),
	}
}

// Run hears until ctx ends, and returns its error.
func (f *Fleet) Run(ctx context.Context) error {
	for subject, hear := range map[string]nats.MsgHandler{
		pulseSubject + "*":     f.hearGateway,
		rosterSubject + "*":    f.hearGateway,
		serviceSubject + "*.*": f.hearService,
	} {
		sub, err := f.conn.nc.Subscribe(subject, hear)
		if err != nil {
			return fmt.Errorf("hear the fleet: %w", err)
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	for failures := 1; ctx.Err() == nil; {
		again := f.conn.reconnected()
		if err := f.conn.awaitConnection(ctx); err != nil {
			return err
		}
		if err := f.readRoster(ctx); err != nil {
			f.conn.log.Debug("the roster of gateways was not read", "error", err)
			if err := pause(ctx, backoff(failures, 50*time.Millisecond, beatInterval)); err != nil {
				return err
			}
			failures++
			continue
		}
		failures = 1
		f.known.Do(func() { close(f.ready) })
		if err := f.conn.nc.Publish(helloSubject, nil); err != nil {
			f.conn.log.Debug("gateways were not asked to beat", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-again:
		}
	}
	return ctx.Err()
}

// readRoster adds the gateways that were here before.
func (f *Fleet) readRoster(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	err := f.conn.create(ctx, jetstream.StreamConfig{
		Name:              fleetStream,
		Description:       "The gateways that have not said goodbye.",
		Subjects:          []string{rosterSubject + "*"},
		Storage:           jetstream.FileStorage,
		Replicas:          f.conn.replicas,
		MaxMsgsPerSubject: 1,
		MaxAge:            rosterTime,
	})
	if err != nil {
		return err
	}
	consumer, err := f.conn.js.CreateConsumer(ctx, fleetStream, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: consumerLife,
	})
	if err != nil {
		return fmt.Errorf("read roster: %w", err)
	}
	for left := consumer.CachedInfo().NumPending; left > 0; {
		batch, err := consumer.FetchNoWait(int(min(left, relayPage)))
		if err != nil {
			return fmt.Errorf("read roster: %w", err)
		}
		got := uint64(0)
		for m := range batch.Messages() {
			got++
			f.enter(m.Data())
		}
		if got == 0 {
			break
		}
		left -= min(got, left)
	}
	return nil
}

// rosterTime is how long a gateway that has never come back is remembered.
const rosterTime = 365 * 24 * time.Hour

// enter adds a gateway of the roster that was not heard yet.
func (f *Fleet) enter(body []byte) {
	var entry gatewayBeat
	if json.Unmarshal(body, &entry) != nil || entry.Gateway == "" || entry.Gone {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.members[entry.Gateway] == nil {
		f.members[entry.Gateway] = &member{gatewayBeat: entry, seen: time.Now()}
		f.announce()
	}
}

// hearGateway takes a heartbeat, a goodbye, or a removal. A goodbye of an earlier
// instance that has the same id says nothing of the one that is here.
func (f *Fleet) hearGateway(m *nats.Msg) {
	var beat gatewayBeat
	if json.Unmarshal(m.Data, &beat) != nil || beat.Gateway == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.members[beat.Gateway]
	switch {
	case beat.Gone && before != nil && (beat.Instance == "" || beat.Instance == before.Instance):
		delete(f.members, beat.Gateway)
	case beat.Gone:
		return
	case strings.HasPrefix(m.Subject, rosterSubject) && before != nil && before.Instance == beat.Instance:
		return // its entry in the roster, which says less than its heartbeats
	default:
		f.members[beat.Gateway] = &member{gatewayBeat: beat, seen: time.Now()}
	}
	f.announce()
}

func (f *Fleet) hearService(m *nats.Msg) {
	var beat serviceBeat
	if json.Unmarshal(m.Data, &beat) != nil || beat.Service == "" || beat.Error != "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heads[beat.Service] = beat.head()
	f.hearKeys(beat)
}

// announce wakes who waits. f.mu is held.
func (f *Fleet) announce() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// Gateways answers every gateway that is heard or was lost, by id.
func (f *Fleet) Gateways() []Gateway {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Gateway, 0, len(f.members))
	for id, m := range f.members {
		g := Gateway{
			ID: id, Status: GatewayLive, Applied: maps.Clone(m.Applied), Material: m.Material, KeyIDs: slices.Clone(m.KeyIDs),
			Hash: m.Hash, LastSeen: m.seen.UTC(), Version: m.Version,
		}
		switch {
		case time.Since(m.seen) > LiveTime:
			g.Status = GatewayLost
		case m.Stale:
			g.Status = GatewayStale
		}
		for service, head := range f.heads {
			if !slices.Contains(Contexts, service) || applied(m.Applied[service], head) {
				continue
			}
			if cursor := m.Applied[service]; cursor.Epoch == head.Epoch {
				g.Lag += head.Position - cursor.Position
			} else {
				g.Lag += head.Position
			}
		}
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b Gateway) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Heads answers what the services last announced, by service.
func (f *Fleet) Heads() map[string]es.Head {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.heads)
}

// Remove forgets a gateway that is gone for good, here and in every other
// process, now and when they start. One that is heard again comes back. While
// NATS is away it is forgotten here alone.
func (f *Fleet) Remove(id string) {
	f.mu.Lock()
	delete(f.members, id)
	f.announce()
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), beatInterval)
	defer cancel()
	if err := f.conn.writeRoster(ctx, gatewayBeat{Gateway: id, Gone: true}); err != nil {
		f.conn.log.Warn("other processes still know the removed gateway", "gateway", id, "error", err)
	}
}

// Wait returns when every live gateway has applied what every service, and the
// material, had come to when it was called; or when wait is over. A head that
// cannot be learnt counts as not applied. With no live gateway there is nothing
// to wait for, and it returns at once; those that may still serve are counted as
// unconfirmed.
func (f *Fleet) Wait(ctx context.Context, wait time.Duration) Applied {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	select {
	case <-f.ready:
	case <-ctx.Done():
	}
	heads, missing := map[string]es.Head{}, Contexts
	for {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if len(missing) > 0 {
			var more map[string]es.Head
			more, missing = f.conn.Heads(ctx, missing...)
			maps.Copy(heads, more)
		}
		count := f.count(heads, len(missing) == 0)
		if count.Applied == count.Live || ctx.Err() != nil {
			return count
		}
		// Those that fall silent are noticed by looking again.
		timer := time.NewTimer(250 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (f *Fleet) count(heads map[string]es.Head, learnt bool) (count Applied) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		switch {
		case time.Since(m.seen) > LiveTime:
			count.Unconfirmed++
			continue
		case learnt && m.covers(heads):
			count.Applied++
		}
		count.Live++
	}
	return count
}

func (m *member) covers(heads map[string]es.Head) bool {
	for service, head := range heads {
		if !applied(m.Applied[service], head) {
			return false
		}
	}
	return m.Material >= heads[MaterialOwner].Material
}
