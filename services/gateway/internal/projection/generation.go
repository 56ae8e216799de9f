package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

var (
	errRewritten = errors.New("a context's history was rewritten")
	errJournal   = errors.New("the journal cannot be written")
	errGap       = errors.New("a stream has a gap")
	errRelease   = errors.New("this release may read events that an earlier one could not")
)

// generation is one fold of all streams with its files.
//
//  1. It is opened from disk, or begun empty.
//  2. The sinks fold what the bus delivers, into the journal's memory and the
//     state in one step: from then on it is in force. The writer syncs the journal
//     behind them; only then are the new positions reported.
//  3. It has caught up when every source's tail, as first announced, is folded.
//  4. When the disk refuses, it goes on in memory and reports nothing new.
//  5. It fails, for good, when a history was rewritten, or when the disk takes
//     files again; then another one is built from the start.
type generation struct {
	state *State
	moved func() // something changed for readiness or for the pulse
	took  func(time.Duration)

	mu       sync.Mutex // one writer: held while the fold changes
	fold     *fold
	store    *store
	buffer   []byte
	until    int64 // while material is read anew: the position that ends it; -1: not told yet
	steps    uint64
	reported positions
	progress time.Time // of the last message
	served   bool      // it has been in force: it stays so until another one is
	diskless error     // why nothing is written any more

	sources [5]source // the contexts, then the material

	dirty    chan struct{} // something was folded that is not on disk
	failOnce sync.Once
	failed   chan struct{}
	reason   error
}

// materialSource is the material's place among the sources.
const materialSource = 4

// positions is how far everything had come after a number of steps.
type positions struct {
	step     uint64
	cursors  [4]es.Cursor
	material int64
}

func newGeneration(f *fold, s *store, moved func(), took func(time.Duration)) *generation {
	g := &generation{fold: f, store: s, moved: moved, took: took, failed: make(chan struct{}), dirty: make(chan struct{}, 1), progress: time.Now()}
	g.reported = positions{cursors: f.cursors, material: f.position}
	for i := range f.cursors {
		g.sources[i].have = f.cursors[i].Position
	}
	g.sources[materialSource].have, g.until = f.position, -1
	g.state = &State{Rule: f.rule, Digests: f.vault.digests, Proofs: f.vault.proofs, sources: &g.sources}
	return g
}

// fail ends the generation.
func (g *generation) fail(err error) {
	g.failOnce.Do(func() {
		g.reason = err
		close(g.failed)
	})
}

// change folds one step. It is in force when change returns, and is reported
// when the writer has made it last.
func (g *generation) change(step func() error) error {
	g.mu.Lock()
	began := time.Now()
	err := step()
	g.steps++
	g.progress = time.Now()
	g.took(g.progress.Sub(began))
	for i := range g.fold.cursors {
		g.sources[i].applied(g.fold.cursors[i].Position)
	}
	g.sources[materialSource].applied(g.fold.position)
	g.mu.Unlock()
	select {
	case g.dirty <- struct{}{}:
	default:
	}
	g.moved()
	if g.store.log.Waiting() > waitingSize {
		g.sync() // a replay is faster than the disk
	}
	return err
}

// waitingSize bounds what waits in memory for the disk.
const waitingSize = 8 << 20

// write makes what was folded last, as soon as there is something, until ctx
// ends. What comes while the disk is busy goes with the next turn.
func (g *generation) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.dirty:
			g.sync()
			g.moved()
		}
	}
}

// sync makes last what was folded so far, and lets it be reported.
func (g *generation) sync() {
	g.mu.Lock()
	after := positions{step: g.steps, cursors: g.fold.cursors, material: g.fold.position}
	g.mu.Unlock()
	err := g.store.log.Sync()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.diskless = err
	} else if after.step > g.reported.step { // several may sync side by side
		g.reported = after
	}
}

// fault answers why the disk is not written to, if so.
func (g *generation) fault() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.diskless
}

// append writes a frame into the journal's memory.
func (g *generation) append(frame func(dst []byte) []byte) {
	g.buffer = frame(g.buffer[:0])
	g.store.log.Append(g.buffer)
}

func (g *generation) caughtUp() bool {
	for i := range g.sources {
		if !g.sources[i].known() {
			return false
		}
	}
	return true
}

// Times of compaction. What was erased must be gone from disk within 60 s.
const (
	eraseAfter  = 15 * time.Second
	compactSize = 64 << 20
)

// compactWhenDue writes a snapshot when material was erased a while ago or the
// journal has become long. It is called by one goroutine.
func (g *generation) compactWhenDue(now time.Time) error {
	g.mu.Lock()
	due := g.diskless == nil && (!g.fold.erasedAt.IsZero() && now.Sub(g.fold.erasedAt) >= eraseAfter || g.store.log.Size() > compactSize)
	g.mu.Unlock()
	if !due {
		return nil
	}
	return g.compact()
}

func (g *generation) compact() error {
	g.mu.Lock()
	next := g.store.number + 1
	err := g.store.log.Rotate(g.store.journal(next))
	erasedAt := g.fold.erasedAt
	if err == nil {
		g.store.number = next
		g.fold.erasedAt = time.Time{}
	}
	h := g.fold.header()
	if err != nil {
		g.diskless = err
	}
	g.mu.Unlock()
	if err != nil {
		return fmt.Errorf("rotate journal: %w", err)
	}
	if err := g.store.writeSnapshot(h, g.fold.rule, next); err != nil {
		g.mu.Lock()
		if g.fold.erasedAt.IsZero() {
			g.fold.erasedAt = erasedAt // it is still on disk: try again
		}
		g.mu.Unlock()
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}
