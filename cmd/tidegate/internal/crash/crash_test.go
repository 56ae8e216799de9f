// Package crash kills `tidegate up` with kill -9 at random moments while every
// kind of command is given, starts it again on the same data directory, and
// holds it to what it had acknowledged.
package crash_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/cli"
	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
)

// TestMain makes this test binary serve as the command tidegate too.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tidegate": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

const (
	kills = 60
	// sweepEvery is after how many kills everything is checked, not just what
	// gateways answer.
	sweepEvery = 10
	// shortest and longest are how long commands are given before a kill.
	shortest, longest = 50 * time.Millisecond, 600 * time.Millisecond
)

func TestNothingAcknowledgedIsLostAndNothingIsTwiceWhateverIsKilled(t *testing.T) {
	binary, err := exec.LookPath("tidegate")
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	w := newWorld(t, seed)
	w.running(journey.Up(t, binary, dir))
	w.furnish()
	for kill := 1; kill <= kills; kill++ {
		ctx, stop := context.WithCancel(t.Context())
		w.load(ctx)
		moment := shortest + time.Duration(random.Int64N(int64(longest-shortest)))
		select {
		case <-t.Context().Done():
		case <-time.After(moment):
		}
		w.child.Kill()
		stop()
		w.rest()
		w.running(journey.Up(t, binary, dir))
		w.decided(kill%sweepEvery == 0)
		if kill%sweepEvery == 0 {
			w.sweep(false)
		}
		if t.Failed() {
			_, log := w.child.Output()
			t.Fatalf("after kill %d, %s into the load: %s", kill, moment, log)
		}
	}
	w.finish()
	w.sweep(true)
	w.decided(true)
	w.replayed()
	t.Logf("%d kills; %d commands acknowledged, %d attempts were not; %d lives; %d calls judged", kills, w.acknowledged.Load(), w.unanswered.Load(), len(w.lives), w.judged.Load())
	if code, _ := w.child.Terminate(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	w.stored(dir)
}
