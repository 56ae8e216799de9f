package gatewaytest

import (
	"maps"
	"slices"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// Reached says whether what a gateway reports covers everything published.
func (w *World) Reached(state bus.GatewayState) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range bus.Contexts {
		at := state.Applied[name]
		if n := int64(len(w.logs[name])); n > 0 && (at.Epoch != w.epoch || at.Position < n) {
			return false
		}
	}
	return state.Material >= w.position
}

// Sealed answers the published material of a key.
func (w *World) Sealed(key string) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.material {
		if m.Key == key {
			return m.Sealed
		}
	}
	return nil
}

// Away answers the same world as seen by a reader who is cut off.
func (w *World) Away() *World {
	other := w.With(w.Ring)
	other.away = true
	return other
}

// With answers a copy of the world as it is, for a reader with another key ring.
func (w *World) With(ring *secret.Ring) *World {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &World{
		Ring: ring, changed: make(chan struct{}), away: w.away, epoch: w.epoch, incarnation: w.incarnation,
		logs: maps.Clone(w.logs), versions: maps.Clone(w.versions), sequence: w.sequence, material: slices.Clone(w.material), position: w.position,
	}
}

// Expiring is the event by which a credential gets an end.
func Expiring(id string, at time.Time) credential.Updated {
	end := &at
	return credential.Updated{Concerns: events.Concerns{CredentialID: id}, ExpiresAt: &events.Change[*time.Time]{After: end}}
}
