package projection_test

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/limit"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// gate is a projection with the decision on top of it, and no network.
type gate struct {
	*projection.Projection
	decider authz.Decider
	stop    func()
}

// run opens a projection; the streams of w may be away.
func run(t *testing.T, w *gatewaytest.World, dir string) *gate {
	t.Helper()
	p := projection.New(projection.Config{
		Dir: dir, Streams: w, Ring: w.Ring, Registry: gatewaytest.Registry, Log: gatewaytest.Log(t), Patience: 300 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	g := &gate{Projection: p, decider: authz.Decider{State: p.State, Verifier: authn.New(authn.Types(authn.Config{Ring: w.Ring})), Limiter: limit.New()}}
	g.stop = func() { cancel(); <-done }
	t.Cleanup(g.stop)
	return g
}

func (g *gate) is(t *testing.T, status string) {
	t.Helper()
	gatewaytest.Eventually(t, "the projection is "+status, func() bool { return g.Status() == status })
}

// applied waits until everything that was published is in force and reported.
func (g *gate) applied(t *testing.T, w *gatewaytest.World) {
	t.Helper()
	gatewaytest.Eventually(t, "all is reported", func() bool { return w.Reached(g.Beat()) })
}

// code answers why a call with a key to /pets is refused; empty: it is not.
func (g *gate) code(key string) access.Code {
	call := authz.Call{
		Method: "GET", Raw: "/pets", Host: "h", At: time.Now(), Address: netip.MustParseAddr("127.0.0.1"),
		Fields: []header.Field{{Name: "X-API-Key", Value: key}},
	}
	g.decider.Decide(&call)
	return call.Code
}

func world(t *testing.T) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", "http://127.0.0.1:1")
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	return w
}

func TestNothingIsServedBeforeItHasCaughtUp(t *testing.T) {
	w := world(t)
	key := w.APIKey(t, "cred_1", "acme")
	w.Leave()
	g := run(t, w, t.TempDir())
	time.Sleep(500 * time.Millisecond) // patience is over: but there is nothing on disk
	if code := g.code(key); code != access.ProjectionStale || g.Ready() == nil {
		t.Fatalf("%q, %v", code, g.Ready())
	}
	w.Return()
	g.is(t, projection.Live)
	if code := g.code(key); code != access.Allowed || g.Ready() != nil {
		t.Fatalf("%q, %v", code, g.Ready())
	}
}

func TestARestartWithoutStreamsServesTheLastGoodState(t *testing.T) {
	w, dir := world(t), t.TempDir()
	kept, revoked := w.APIKey(t, "cred_kept", "acme"), w.APIKey(t, "cred_revoked", "acme")
	w.Basic(t, "cred_basic", "acme", "user", "a chosen password")
	g := run(t, w, dir)
	g.is(t, projection.Live)
	if code := g.code(revoked); code != access.Allowed {
		t.Fatal(code)
	}
	w.Revoke(t, "cred_revoked")
	g.applied(t, w)
	before := g.Report()
	g.stop()
	w.Leave()
	g = run(t, w, dir)
	if g.State() != nil && g.Status() != projection.Stale {
		t.Error("it serves without having waited")
	}
	g.is(t, projection.Stale)
	if k, r := g.code(kept), g.code(revoked); k != access.Allowed || r != access.CredentialInvalid {
		t.Errorf("kept %q, revoked %q", k, r)
	}
	if after := g.Report(); after.Hash != before.Hash || after.Reported["credential"] != before.Reported["credential"] || after.Secrets != 2 {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
	if !g.Beat().Stale {
		t.Error("the pulse does not say that it is stale")
	}
	w.Return()
	g.is(t, projection.Live)
	w.Revoke(t, "cred_kept")
	g.applied(t, w)
	if code := g.code(kept); code != access.CredentialInvalid {
		t.Errorf("after the streams are back: %q", code)
	}
}

func TestAPositionThatWasReportedSurvivesAKillAtOnce(t *testing.T) {
	w, dir := world(t), t.TempDir()
	keys := make([]string, 20)
	for i := range keys {
		keys[i] = w.APIKey(t, "cred_"+string(rune('a'+i)), "acme")
	}
	g := run(t, w, dir)
	g.is(t, projection.Live)
	for i := range keys {
		w.Revoke(t, "cred_"+string(rune('a'+i)))
		g.applied(t, w)
		copied := filepath.Join(t.TempDir(), "killed") // what a kill at this moment leaves
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if i%5 != 0 {
			continue
		}
		away := w.Away()
		restarted := run(t, away, copied)
		restarted.is(t, projection.Stale)
		for j := range keys {
			if code := restarted.code(keys[j]); (code == access.CredentialInvalid) != (j <= i) {
				t.Fatalf("after revoking %d: key %d is %q", i, j, code)
			}
		}
		restarted.stop()
	}
}

func TestATornOrForeignFileIsNotBelieved(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"a torn journal tail": func(t *testing.T, dir string) { // the last event was never synced
			path := one(t, dir, "journal-*")
			content := read(t, path)
			write(t, path, content[:len(content)-5])
		},
		"a journal of another store": func(t *testing.T, dir string) {
			path := one(t, dir, "journal-*")
			content := read(t, path)
			content[10] ^= 1
			write(t, path, content)
		},
		"no journal": func(t *testing.T, dir string) {
			if err := os.Remove(one(t, dir, "journal-*")); err != nil {
				t.Fatal(err)
			}
		},
		"a torn snapshot": func(t *testing.T, dir string) {
			path := one(t, dir, "snapshot-*")
			content := read(t, path)
			write(t, path, content[:len(content)/2])
		},
		"a changed snapshot": func(t *testing.T, dir string) {
			path := one(t, dir, "snapshot-*")
			content := read(t, path)
			content[len(content)/2] ^= 1
			write(t, path, content)
		},
		"an unknown current": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "current"), []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := world(t), t.TempDir()
			key := w.APIKey(t, "cred_1", "acme")
			g := run(t, w, dir)
			g.is(t, projection.Live)
			g.applied(t, w)
			if strings.Contains(name, "snapshot") {
				if err := g.Compact(); err != nil {
					t.Fatal(err)
				}
			}
			g.stop()
			damage(t, dir)
			w.Leave()
			g = run(t, w, dir)
			time.Sleep(500 * time.Millisecond)
			if tail := strings.Contains(name, "tail"); tail != (g.State() != nil) {
				t.Errorf("served without streams: %v", g.State() != nil)
			}
			w.Return()
			g.is(t, projection.Live)
			g.applied(t, w)
			if code := g.code(key); code != access.Allowed {
				t.Errorf("after reading history again: %q", code)
			}
		})
	}
}

func TestErasedMaterialIsGoneFromDisk(t *testing.T) {
	w, dir := world(t), t.TempDir()
	kept, revoked := w.APIKey(t, "cred_kept", "acme"), w.APIKey(t, "cred_revoked", "acme")
	rotated := w.APIKey(t, "cred_rotated", "acme")
	sealed := [][]byte{w.Sealed("cred_revoked.1"), w.Sealed("cred_rotated.1")}
	g := run(t, w, dir)
	g.is(t, projection.Live)
	g.applied(t, w)
	if err := g.Compact(); err != nil { // it is in the snapshot, and more comes in the journal
		t.Fatal(err)
	}
	for _, s := range sealed {
		if !onDisk(t, dir, s) {
			t.Fatal("material is not on disk")
		}
	}
	renewed := w.Rotate(t, "cred_rotated", 2, 0)
	w.Revoke(t, "cred_revoked")
	g.applied(t, w)
	if k, r, o, n := g.code(kept), g.code(revoked), g.code(rotated), g.code(renewed); k != "" || r != access.CredentialInvalid || o != access.CredentialInvalid || n != "" {
		t.Errorf("kept %q, revoked %q, rotated %q, renewed %q", k, r, o, n)
	}
	w.Put(t, "cred_revoked", 1, secret.DigestProof(w.Ring.Digest([]byte(revoked)))) // the material of the dead, once more
	again := w.Sealed("cred_revoked.1")
	g.applied(t, w)
	if code := g.code(revoked); code != access.CredentialInvalid {
		t.Errorf("material of a dead version came again: %q", code)
	}
	if err := g.Compact(); err != nil {
		t.Fatal(err)
	}
	for _, s := range append(sealed, again) {
		if onDisk(t, dir, s) {
			t.Error("erased material is still on disk")
		}
	}
	g.stop()
	w.Leave()
	g = run(t, w, dir)
	g.is(t, projection.Stale)
	if k, r, o, n := g.code(kept), g.code(revoked), g.code(rotated), g.code(renewed); k != "" || r != access.CredentialInvalid || o != access.CredentialInvalid || n != "" {
		t.Errorf("after a restart: kept %q, revoked %q, rotated %q, renewed %q", k, r, o, n)
	}
}

func TestWhatWasErasedLeavesTheDiskWithinAMinuteByItself(t *testing.T) {
	w, dir := world(t), t.TempDir()
	w.APIKey(t, "cred_1", "acme")
	sealed := w.Sealed("cred_1.1")
	g := run(t, w, dir)
	g.is(t, projection.Live)
	w.Revoke(t, "cred_1")
	g.applied(t, w)
	if err := g.Tend(time.Now()); err != nil || !onDisk(t, dir, sealed) {
		t.Fatalf("it is written at once, for each of them: %v", err)
	}
	if err := g.Tend(time.Now().Add(30 * time.Second)); err != nil || onDisk(t, dir, sealed) {
		t.Errorf("it is still on disk: %v", err)
	}
}

func TestARotatedKeyLivesForItsOverlap(t *testing.T) {
	w := world(t)
	old := w.APIKey(t, "cred_1", "acme")
	g := run(t, w, t.TempDir())
	g.is(t, projection.Live)
	renewed := w.Rotate(t, "cred_1", 2, 300*time.Millisecond)
	g.applied(t, w)
	if o, n := g.code(old), g.code(renewed); o != "" || n != "" {
		t.Errorf("in the overlap: old %q, new %q", o, n)
	}
	time.Sleep(350 * time.Millisecond) // nobody tells: the clock does
	if o, n := g.code(old), g.code(renewed); o != access.CredentialInvalid || n != "" {
		t.Errorf("after it: old %q, new %q", o, n)
	}
}

func TestMaterialAloneAuthenticatesNobody(t *testing.T) {
	w := world(t)
	key := secret.Generate(secret.APIKey)
	w.Key(t, "cred_early", 1, key)
	g := run(t, w, t.TempDir())
	g.is(t, projection.Live)
	if code := g.code(key); code != access.CredentialInvalid {
		t.Errorf("before its event: %q", code)
	}
	w.Credential(t, "cred_early", "acme")
	g.applied(t, w)
	if code := g.code(key); code != access.Allowed {
		t.Errorf("after its event: %q", code)
	}
}

func TestARewrittenHistoryIsReadAgainWhileTheOldOneServes(t *testing.T) {
	w, dir := world(t), t.TempDir()
	key := w.APIKey(t, "cred_1", "acme")
	g := run(t, w, dir)
	g.is(t, projection.Live)
	w.Leave()
	w.Rewrite("subscription")
	if code := g.code(key); code != access.Allowed {
		t.Fatalf("before it is heard of: %q", code)
	}
	w.Return()
	gatewaytest.Eventually(t, "the new history is in force", func() bool {
		code := g.code(key)
		if code == access.ProjectionStale {
			t.Fatal("nothing was served meanwhile")
		}
		return code == access.NotSubscribed
	})
	g.applied(t, w)
	if report := g.Report(); report.Reported["subscription"].Position != 0 || report.Reported["consumer"].Epoch == "epoch-1" {
		t.Errorf("%+v", report)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the old generation is still on disk: %v, %v", entries, err)
	}
	g.stop()
	w.Leave()
	g = run(t, w, dir)
	g.is(t, projection.Stale)
	if code := g.code(key); code != access.NotSubscribed {
		t.Errorf("after a restart: %q", code)
	}
}

func TestAMaterialStreamThatWasMadeAnewIsReadAgain(t *testing.T) {
	w, dir := world(t), t.TempDir()
	kept, lost := w.APIKey(t, "cred_kept", "acme"), w.APIKey(t, "cred_lost", "acme")
	g := run(t, w, dir)
	g.is(t, projection.Live)
	g.applied(t, w)
	w.Remake("cred_lost.1")
	gatewaytest.Eventually(t, "what did not come again is gone", func() bool { return g.code(lost) == access.CredentialInvalid })
	if code := g.code(kept); code != access.Allowed {
		t.Errorf("what came again: %q", code)
	}
	g.stop()
	w.Leave()
	g = run(t, w, dir)
	g.is(t, projection.Stale)
	if k, l := g.code(kept), g.code(lost); k != access.Allowed || l != access.CredentialInvalid {
		t.Errorf("after a restart: kept %q, lost %q", k, l)
	}
}

func TestAnEventThatCannotBeDecodedDeniesItsSubject(t *testing.T) {
	w, dir := world(t), t.TempDir()
	w.Consumer(t, "other")
	w.Subscribe(t, "sub_2", "other", "pets")
	key, others := w.APIKey(t, "cred_1", "acme"), w.APIKey(t, "cred_2", "other")
	g := run(t, w, dir)
	g.is(t, projection.Live)
	w.PublishRaw(t, events.Envelope{Stream: "consumer-acme", Type: "consumer.blessed", Schema: 1, Data: []byte(`{}`)})
	w.PublishRaw(t, events.Envelope{Stream: "subscription-sub_9", Type: "subscription.approved", Schema: 99, Data: []byte(`{}`)})
	g.applied(t, w)
	if mine, theirs := g.code(key), g.code(others); mine == access.Allowed || theirs != access.Allowed {
		t.Errorf("its subject %q, another %q", mine, theirs)
	}
	if r := g.Report(); r.Undecoded != 2 || len(r.Faults) == 0 || g.Ready() != nil {
		t.Errorf("%+v, %v", r, g.Ready())
	}
}

func TestWithoutAReadableSubjectNothingIsServed(t *testing.T) {
	w := world(t)
	key := w.APIKey(t, "cred_1", "acme")
	g := run(t, w, t.TempDir())
	g.is(t, projection.Live)
	w.PublishBytes("consumer", []byte("not an event"))
	gatewaytest.Eventually(t, "it is unready", func() bool { return g.Ready() != nil && g.code(key) == access.ProjectionStale })
}

func TestAFailClosedServiceIsRefusedWhenFactsAreOld(t *testing.T) {
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", "http://127.0.0.1:1", func(d *catalog.Drafted) { d.Staleness = catalog.Staleness{Mode: "fail-closed", Seconds: 1} })
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	key, dir := w.APIKey(t, "cred_1", "acme"), t.TempDir()
	g := run(t, w, dir)
	g.is(t, projection.Live)
	time.Sleep(1200 * time.Millisecond)
	if code := g.code(key); code != access.Allowed {
		t.Fatalf("with announcements coming in: %q", code)
	}
	w.Leave()
	gatewaytest.Eventually(t, "the bound is over", func() bool { return g.code(key) == access.ProjectionStale })
	w.Return()
	gatewaytest.Eventually(t, "facts are fresh again", func() bool { return g.code(key) == access.Allowed })
	g.stop()
	w.Leave()
	g = run(t, w, dir)
	g.is(t, projection.Stale)
	if code := g.code(key); code != access.ProjectionStale {
		t.Errorf("restarted without ever having heard: %q", code)
	}
}

func TestAnExpiryIsJudgedAtEachCall(t *testing.T) {
	w := world(t)
	key := w.APIKey(t, "cred_1", "acme")
	soon := time.Now().Add(400 * time.Millisecond)
	w.Publish(t, "credential-cred_1", gatewaytest.Expiring("cred_1", soon))
	g := run(t, w, t.TempDir())
	g.is(t, projection.Live)
	if code := g.code(key); code != access.Allowed {
		t.Fatal(code)
	}
	time.Sleep(time.Until(soon) + time.Millisecond)
	if code := g.code(key); code != access.CredentialExpired {
		t.Error(code)
	}
}

func TestWhatIsSealedWithAKeyThatComesLaterIsOpenedThen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyring")
	ring, err := secret.LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := secret.Load(path) // the gateway's own copy of the file
	if err != nil {
		t.Fatal(err)
	}
	w := world(t)
	w.Ring = ring
	id, err := ring.Add(secret.Sealing)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Activate(id); err != nil {
		t.Fatal(err)
	}
	key := w.APIKey(t, "cred_1", "acme")
	later := w.With(theirs)
	g := run(t, later, t.TempDir())
	g.is(t, projection.Live)
	gatewaytest.Eventually(t, "it is opened", func() bool { return g.code(key) == access.Allowed })
}

func TestConcernsOfNobodyMoveThePositionAllTheSame(t *testing.T) {
	w := world(t)
	g := run(t, w, t.TempDir())
	g.is(t, projection.Live)
	w.Publish(t, "consumer-acme", consumer.Updated{Name: &events.Change[string]{Before: "acme", After: "Acme"}})
	g.applied(t, w)
	if beat := g.Beat(); len(beat.Applied) != len(bus.Contexts) || len(beat.Hash) != 32 || len(beat.KeyIDs) == 0 {
		t.Errorf("%+v", beat)
	}
}

func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func onDisk(t *testing.T, dir string, what []byte) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			found = found || bytes.Contains(read(t, path), what)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
