// Package gatewaytest gives tests a world to fold: streams in memory that behave
// as the bus does, the usual cast of consumers and services, and a whole gateway
// on real sockets.
package gatewaytest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// Registry is every context's events.
var Registry = events.MustRegistry(consumer.Events, credential.Events, catalog.Events, subscription.Events)

// World is the streams of one organisation. It is a projection.Streams.
type World struct {
	Ring *secret.Ring

	mu          sync.Mutex
	changed     chan struct{}
	away        bool
	epoch       string
	incarnation string
	logs        map[string][][]byte
	versions    map[string]int64
	sequence    int64
	material    []bus.MaterialMessage // compacted: one a key
	position    int64
}

// NewWorld makes a world in which nothing has happened.
func NewWorld() *World {
	return &World{
		Ring: secret.New(), changed: make(chan struct{}), epoch: "epoch-1", incarnation: "incarnation-1",
		logs: map[string][][]byte{}, versions: map[string]int64{},
	}
}

// Publish appends an event of an aggregate, such as "credential-cred_1".
func (w *World) Publish(t testing.TB, stream string, data events.Data) {
	t.Helper()
	raw, schema, err := Registry.Encode(data)
	if err != nil {
		t.Fatal(err)
	}
	w.PublishRaw(t, events.Envelope{Stream: stream, Type: data.EventType(), Schema: schema, Data: raw})
}

// PublishRaw appends an event whose payload may be anything.
func (w *World) PublishRaw(t testing.TB, e events.Envelope) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	context := bus.ContextOf(e.Type)
	w.versions[e.Stream]++
	e.ID, e.Source, e.Time = events.NewID(time.Now()), "/tidegate/test/"+context, time.Now().UTC()
	e.Version, e.Position = w.versions[e.Stream], int64(len(w.logs[context])+1)
	body, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	w.logs[context] = append(w.logs[context], body)
	w.wake()
}

// PublishBytes appends what need not be an event at all.
func (w *World) PublishBytes(context string, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logs[context] = append(w.logs[context], body)
	w.wake()
}

// Put publishes what verifies a secret; Erase removes it.
func (w *World) Put(t testing.TB, id string, version int, proof secret.Proof) {
	t.Helper()
	key := id + "." + strconv.Itoa(version)
	sealed, err := w.Ring.SealProof(key, proof)
	if err != nil {
		t.Fatal(err)
	}
	w.write(key, sealed)
}

// Key publishes the digest of a key or of a generated password.
func (w *World) Key(t testing.TB, id string, version int, key string) {
	t.Helper()
	w.Put(t, id, version, secret.DigestProof(w.Ring.Digest([]byte(key))))
}

// Erase publishes a tombstone.
func (w *World) Erase(id string, version int) { w.write(id+"."+strconv.Itoa(version), nil) }

func (w *World) write(key string, sealed []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sequence++
	w.position++
	w.material = slices.DeleteFunc(w.material, func(m bus.MaterialMessage) bool { return m.Key == key })
	w.material = append(w.material, bus.MaterialMessage{
		Cursor: bus.MaterialCursor{Incarnation: w.incarnation, Sequence: w.sequence}, Position: w.position, Key: key, Sealed: sealed,
	})
	w.wake()
}

// Rewrite begins another epoch with other events in a context.
func (w *World) Rewrite(context string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.epoch = "epoch-" + strconv.Itoa(len(w.epoch))
	w.logs[context] = nil
	w.wake()
}

// Remake makes the material stream anew, without some keys.
func (w *World) Remake(without ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.incarnation += "+"
	w.sequence = 0
	w.position = 0
	kept := w.material
	w.material = nil
	for _, m := range kept {
		if !slices.Contains(without, m.Key) {
			w.sequence++
			m.Cursor = bus.MaterialCursor{Incarnation: w.incarnation, Sequence: w.sequence}
			w.material = append(w.material, m)
			w.position = m.Position
		}
	}
	w.wake()
}

// Leave cuts readers off; Return lets them on.
func (w *World) Leave() { w.connect(false) }

// Return undoes Leave.
func (w *World) Return() { w.connect(true) }

func (w *World) connect(here bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away = !here
	w.wake()
}

func (w *World) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// Connected is bus.Conn's.
func (w *World) Connected() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.away
}

// beat is how often tails are announced.
const beat = 20 * time.Millisecond

// Replay is bus.Conn's.
func (w *World) Replay(ctx context.Context, name string, at es.Cursor, sink bus.Sink) error {
	for ctx.Err() == nil {
		w.mu.Lock()
		changed, away, epoch, log := w.changed, w.away, w.epoch, w.logs[name]
		w.mu.Unlock()
		if !away {
			if at == (es.Cursor{}) {
				at.Epoch = epoch
			}
			if at.Epoch != epoch {
				if err := sink.Reset(ctx, epoch); err != nil {
					continue
				}
				at = es.Cursor{Epoch: epoch}
			}
			sink.Tail(ctx, int64(len(log)))
			for at.Position < int64(len(log)) {
				to := min(int64(len(log)), at.Position+100)
				var batch []bus.Message
				for p := at.Position + 1; p <= to; p++ {
					batch = append(batch, bus.Message{Position: p, Epoch: epoch, Body: log[p-1]})
				}
				if sink.Deliver(ctx, batch) != nil {
					break
				}
				at.Position = to
			}
		}
		w.rest(ctx, changed)
	}
	return ctx.Err()
}

// ReplayMaterial is bus.Conn's.
func (w *World) ReplayMaterial(ctx context.Context, sink bus.MaterialSink) error {
	at := sink.Cursor()
	for ctx.Err() == nil {
		w.mu.Lock()
		changed, away, incarnation, position := w.changed, w.away, w.incarnation, w.position
		material := slices.Clone(w.material)
		w.mu.Unlock()
		if !away {
			if at.Incarnation != incarnation {
				if sink.Reset(ctx, incarnation) != nil {
					continue
				}
				at = bus.MaterialCursor{Incarnation: incarnation}
			}
			sink.Tail(ctx, position)
			for _, m := range material {
				if m.Cursor.Sequence > at.Sequence && sink.Deliver(ctx, []bus.MaterialMessage{m}) == nil {
					at = m.Cursor
				}
			}
		}
		w.rest(ctx, changed)
	}
	return ctx.Err()
}

func (w *World) rest(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(beat)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	}
}
