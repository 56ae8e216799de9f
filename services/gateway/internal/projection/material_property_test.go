package projection_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// life is what a test knows of one credential: which versions of its secret were
// ever told of, which of them count, and which have material.
type life struct {
	id     string
	issued bool
	live   map[int]bool
	newest int
	keys   map[int]string
	put    map[int]bool // its material is on the stream
	over   bool         // revoked
}

// history is a random history of a few credentials, in which material and events
// come in any order, and come again.
type history struct {
	random *rand.Rand
	w      *gatewaytest.World
	lives  []*life
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{random: rand.New(rand.NewPCG(seed, 4711)), w: world(t)}
	for i := range 4 {
		h.lives = append(h.lives, &life{id: fmt.Sprint("cred_", i), live: map[int]bool{}, keys: map[int]string{}, put: map[int]bool{}})
	}
	return h
}

func (h *history) step(t *testing.T) {
	l := h.lives[h.random.IntN(len(h.lives))]
	version := 1 + h.random.IntN(l.newest+1) // one that there is, or the next
	switch h.random.IntN(7) {
	case 0, 1: // material, of whatever version, whether it lives or not
		if l.keys[version] == "" {
			l.keys[version] = secret.Generate(secret.APIKey)
		}
		h.w.Key(t, l.id, version, l.keys[version])
		l.put[version] = true
	case 2:
		h.w.Erase(l.id, version)
		l.put[version] = false
	case 3, 4:
		switch {
		case !l.issued:
			h.w.Credential(t, l.id, "acme")
			l.issued, l.newest, l.live[1] = true, 1, true
		case !l.over:
			h.rotate(t, l)
		}
	case 5:
		if l.issued && !l.over {
			h.w.Publish(t, "credential-"+l.id, credential.Suspended{Concerns: concerns(l)})
			h.w.Publish(t, "credential-"+l.id, credential.Resumed{Concerns: concerns(l)})
		}
	case 6:
		if l.issued && !l.over && h.random.IntN(2) == 0 {
			h.w.Revoke(t, l.id)
			l.over, l.live = true, map[int]bool{}
		}
	}
}

// rotate gives it the next version, with or without an overlap that does not end.
func (h *history) rotate(t *testing.T, l *life) {
	before := l.newest
	l.newest++
	rotated := credential.Rotated{Concerns: concerns(l), SecretVersion: l.newest}
	l.live = map[int]bool{l.newest: true}
	if h.random.IntN(2) == 0 {
		until := time.Now().Add(time.Hour)
		rotated.RetiringVersion, rotated.RetiringNotAfter, l.live[before] = before, &until, true
	}
	h.w.Publish(t, "credential-"+l.id, rotated)
}

func concerns(l *life) events.Concerns {
	return events.Concerns{ConsumerID: "acme", CredentialID: l.id}
}

// admitted answers, for each key that there ever was, whether it must pass.
func (h *history) admitted() map[string]bool {
	all := map[string]bool{}
	for _, l := range h.lives {
		for version, key := range l.keys {
			all[key] = l.live[version] && l.put[version]
		}
	}
	return all
}

// holds compares what a gateway admits with what it must.
func holds(t *testing.T, when string, g *gate, want map[string]bool) {
	t.Helper()
	for key, admitted := range want {
		if code := g.code(key); (code == access.Allowed) != admitted {
			t.Errorf("%s: a key that must pass: %v, is answered %q", when, admitted, code)
		}
	}
}

// Material never authenticates without an event that says live: in whatever order
// both arrive, and after a restart from whatever older snapshot.
func TestMaterialCountsOnlyAsEventsSayInEveryOrderAndFromEverySnapshot(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("history ", seed), func(t *testing.T) {
			t.Parallel()
			h, dir := newHistory(t, seed), t.TempDir()
			type saved struct {
				dir  string
				want map[string]bool
			}
			var snapshots []saved
			g := run(t, h.w, dir)
			g.is(t, projection.Live)
			for range 6 {
				for range 8 {
					h.step(t)
				}
				g.applied(t, h.w)
				holds(t, "live", g, h.admitted())
				if h.random.IntN(2) == 0 {
					if err := g.Compact(); err != nil {
						t.Fatal(err)
					}
				}
				copied := t.TempDir()
				if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				snapshots = append(snapshots, saved{copied, h.admitted()})
			}
			g.stop()
			for i, s := range snapshots {
				h.w.Leave()
				g := run(t, h.w, s.dir)
				g.is(t, projection.Stale)
				holds(t, fmt.Sprintf("cut off, from snapshot %d", i), g, s.want)
				h.w.Return()
				g.is(t, projection.Live)
				g.applied(t, h.w)
				holds(t, fmt.Sprintf("back again, from snapshot %d", i), g, h.admitted())
				g.stop()
			}
		})
	}
}
