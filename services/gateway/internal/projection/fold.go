package projection

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// fold is the state that follows from the frames read so far. The same frames
// make the same state, whether they come from the bus or from disk.
type fold struct {
	registry  *events.Registry
	log       *slog.Logger
	rule      *access.Snapshot
	vault     *vault
	cursors   [4]es.Cursor // as in bus.Contexts
	material  bus.MaterialCursor
	position  int64     // of the material
	undecoded int64     // events of which only the subject could be read
	broken    bool      // an event of which not even that could be read
	erasedAt  time.Time // when material first went that is still on disk; zero: none
}

func newFold(registry *events.Registry, ring *secret.Ring, log *slog.Logger) *fold {
	return &fold{registry: registry, log: log, rule: access.New(), vault: newVault(ring, log)}
}

// event folds one event that is the next of its context.
func (f *fold) event(frame eventFrame) {
	f.cursors[frame.context] = es.Cursor{Epoch: frame.epoch, Position: frame.position}
	e, err := events.Decode(frame.body)
	if err != nil {
		f.broken = true
		f.log.Error("an event cannot be read at all: nothing is served until it is healed",
			"context", bus.Contexts[frame.context], "position", frame.position, "error", err)
		return
	}
	data, err := f.registry.Decode(e)
	if err != nil {
		f.undecoded++
		data = nil
		f.log.Error("an event cannot be decoded: its subject is denied", "stream", e.Stream, "type", e.Type, "event", e.ID, "error", err)
	}
	f.rule.Apply(e, data)
	f.drop(e, data)
}

// drop takes out of force the material that an event has made useless. The event
// counts, not the tombstone that follows it.
func (f *fold) drop(e events.Envelope, data events.Data) {
	newest := 0
	switch d := data.(type) {
	case credential.Rotated:
		newest = d.SecretVersion
	case credential.SecretRetired:
		newest = d.SecretVersion
	case credential.Revoked:
		newest = int(min(e.Version, 1<<16)) // each version came with an event of its own
	}
	for version := 1; version <= newest; version++ {
		if f.rule.SecretDead(e.Aggregate(), version) && f.vault.remove(joinKey(e.Aggregate(), version)) {
			f.erased()
		}
	}
}

func (f *fold) erased() {
	if f.erasedAt.IsZero() {
		f.erasedAt = time.Now()
	}
}

// useless says that material is of a secret that can never be live again.
func (f *fold) useless(key string) bool {
	id, version, ok := splitKey(key)
	return !ok || f.rule.SecretDead(id, version)
}

// put folds one material message.
func (f *fold) put(m bus.MaterialMessage) {
	f.material, f.position = m.Cursor, max(f.position, m.Position)
	if len(m.Sealed) > 0 && !f.useless(m.Key) {
		f.vault.put(m.Key, m.Sealed)
	} else if f.vault.remove(m.Key) {
		f.erased()
	}
}

// reset: the material stream was made anew.
func (f *fold) reset(incarnation string) {
	f.material, f.position = bus.MaterialCursor{Incarnation: incarnation}, 0
	f.vault.reread()
}

// complete: all that the material stream holds has come.
func (f *fold) complete() {
	if f.vault.complete() {
		f.erased()
	}
}

func (f *fold) header() header {
	h := header{Cursors: map[string]es.Cursor{}, Material: f.material, Position: f.position, Undecoded: f.undecoded, Registry: fingerprint(f.registry)}
	for i, name := range bus.Contexts {
		h.Cursors[name] = f.cursors[i]
	}
	return h
}

func (f *fold) adopt(h header) {
	for i, name := range bus.Contexts {
		f.cursors[i] = h.Cursors[name]
	}
	f.material, f.position, f.undecoded = h.Material, h.Position, h.Undecoded
}

// frame folds a frame that was read from disk.
func (f *fold) frame(b []byte) error {
	switch b[0] {
	case kindEvent:
		frame, err := parseEvent(b)
		if err != nil {
			return err
		}
		f.event(frame)
	case kindMaterial:
		m, err := parseMaterial(b)
		if err != nil {
			return err
		}
		f.put(m)
	case kindReset:
		f.reset(string(b[1:]))
	case kindComplete:
		f.complete()
	default:
		return fmt.Errorf("%w: kind %q", errFrame, b[0])
	}
	return nil
}

// hash is equal for equal states.
func (f *fold) hash() string {
	sum := sha256.Sum256([]byte(f.rule.Hash() + "/" + f.vault.hash()))
	return hex.EncodeToString(sum[:16])
}

// fingerprint tells binaries apart that can decode different events.
func fingerprint(registry *events.Registry) string {
	h := sha256.New()
	for _, t := range registry.Types() {
		spec, _ := registry.Spec(t)
		fmt.Fprintf(h, "%s.v%d\n", t, spec.Schema)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
