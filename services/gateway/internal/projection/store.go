package projection

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/journal"
)

// store is one generation of the projection on disk: a folder with snapshots and
// journals, numbered. snapshot-N holds what journals before N said; the state is
// the newest whole snapshot and every journal from its number on. There is no
// snapshot before the first.
//
// Beside the generations' folders, the file "current" names the one that counts.
// Another generation is built in a folder of its own and counts once it has
// caught up.
type store struct {
	dir    string
	id     journal.ID
	log    *journal.Log
	base   uint64 // of the snapshot that the state rests on; 1 without one: the first journal
	number uint64 // of the journal that is written
}

const currentFile = "current"

var errNothing = errors.New("nothing is kept")

// createStore begins a generation from nothing.
func createStore(root string) (*store, error) {
	s := &store{base: 1, number: 1}
	_, _ = rand.Read(s.id[:])
	s.dir = filepath.Join(root, hex.EncodeToString(s.id[:]))
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("begin projection: %w", err)
	}
	var err error
	s.log, err = journal.Create(s.journal(1), s.id)
	return s, err
}

// openStore opens the generation that counts and gives every frame of it to f.
// Errors wrap errNothing when there is none; after any error it must be built
// anew.
func openStore(root string, f *fold) (*store, error) {
	name, err := os.ReadFile(filepath.Join(root, currentFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, errNothing
	} else if err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(string(name))
	if err != nil || len(id) != len(journal.ID{}) {
		return nil, fmt.Errorf("%w: %s", errFrame, currentFile)
	}
	s := &store{dir: filepath.Join(root, string(name)), id: journal.ID(id)}
	snapshots, journals, err := s.files()
	if err != nil {
		return nil, err
	}
	if len(journals) == 0 {
		return nil, fmt.Errorf("%w: no journal in %s", errFrame, s.dir)
	}
	s.base, s.number = 1, journals[len(journals)-1]
	if len(snapshots) > 0 {
		s.base = snapshots[len(snapshots)-1]
		if err := loadSnapshot(s.snapshot(s.base), s.id, f); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(journals, s.base) {
		return nil, fmt.Errorf("%w: journal %d is missing", errFrame, s.base)
	}
	if err := s.readJournals(f); err != nil {
		return nil, err
	}
	s.tidy()
	return s, nil
}

// readJournals folds the journals from the base on. Only the last may be torn,
// where the process was killed; its good part is continued.
func (s *store) readJournals(f *fold) error {
	for n := s.base; n <= s.number; n++ {
		good, err := journal.Read(s.journal(n), s.id, f.frame)
		if torn := errors.Is(err, journal.ErrTorn); err != nil && (!torn || n < s.number) {
			return err
		}
		if n == s.number {
			s.log, err = journal.Continue(s.journal(n), s.id, good)
			return err
		}
	}
	return fmt.Errorf("%w: no journal", errFrame)
}

func loadSnapshot(path string, id journal.ID, f *fold) error {
	state, pipe := io.Pipe()
	loaded := make(chan error, 1)
	go func() {
		rule, err := access.Load(state)
		if err == nil {
			f.rule = rule
			_, err = io.Copy(io.Discard, state)
		}
		_ = state.CloseWithError(err)
		loaded <- err
	}()
	ended, stated := false, false
	finish := func(err error) error {
		if stated {
			return nil
		}
		stated = true
		_ = pipe.CloseWithError(err)
		return <-loaded
	}
	_, err := journal.Read(path, id, func(frame []byte) error {
		switch frame[0] {
		case kindHeader:
			h, err := parseHeader(frame)
			f.adopt(h)
			return err
		case kindState:
			_, err := pipe.Write(frame[1:])
			return err
		case kindEnd:
			ended = true
			return finish(nil)
		}
		if err := finish(nil); err != nil {
			return err
		}
		return f.keep(frame)
	})
	if err == nil && !ended {
		err = fmt.Errorf("%s: %w", path, journal.ErrTorn)
	}
	return errors.Join(err, finish(err))
}

// keep takes a frame of a snapshot's material, which moves no cursor.
func (f *fold) keep(frame []byte) error {
	switch frame[0] {
	case kindMaterial:
		m, err := parseMaterial(frame)
		if err == nil {
			f.vault.put(m.Key, m.Sealed)
		}
		return err
	case kindReset:
		f.vault.reread()
		return nil
	}
	return fmt.Errorf("%w: kind %q in a snapshot", errFrame, frame[0])
}

// makeCurrent says that this generation counts, and removes the others.
func (s *store) makeCurrent(root string) error {
	temporary := filepath.Join(root, currentFile+".new")
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make projection current: %w", err)
	}
	_, err = f.WriteString(hex.EncodeToString(s.id[:]))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(temporary, filepath.Join(root, currentFile))
	}
	if err == nil {
		err = journal.SyncDir(root)
	}
	if err != nil {
		return fmt.Errorf("make projection current: %w", err)
	}
	return removeOthers(root, filepath.Base(s.dir))
}

// removeOthers removes every generation but one: what was erased since must not
// live on in them.
func removeOthers(root, keep string) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return fmt.Errorf("remove old projections: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != keep {
			err = errors.Join(err, os.RemoveAll(filepath.Join(root, e.Name())))
		}
	}
	return err
}

// tidy removes what the base has made useless.
func (s *store) tidy() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return // it is tried again after the next snapshot
	}
	for _, e := range entries {
		_, number, ok := numbered(e.Name())
		if !ok || number < s.base {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
}

// files answers the numbers of the snapshots and journals that are there.
func (s *store) files() (snapshots, journals []uint64, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		switch kind, number, ok := numbered(e.Name()); {
		case !ok:
		case kind == "snapshot":
			snapshots = append(snapshots, number)
		case kind == "journal":
			journals = append(journals, number)
		}
	}
	slices.Sort(snapshots)
	slices.Sort(journals)
	return snapshots, journals, nil
}

func numbered(file string) (kind string, number uint64, ok bool) {
	kind, text, ok := strings.Cut(file, "-")
	if !ok {
		return "", 0, false
	}
	number, err := strconv.ParseUint(text, 10, 64)
	return kind, number, err == nil
}

func (s *store) snapshot(n uint64) string { return filepath.Join(s.dir, fmt.Sprintf("snapshot-%d", n)) }
func (s *store) journal(n uint64) string  { return filepath.Join(s.dir, fmt.Sprintf("journal-%d", n)) }
