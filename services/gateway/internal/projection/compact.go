package projection

import (
	"errors"
	"os"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/services/gateway/internal/journal"
)

// writeSnapshot makes the journals before the one that is written now useless.
// It runs beside everything else: the rule is saved while it goes on (what came
// meanwhile is in the journal, and applying it again changes nothing), and the
// material is taken from the files, so that it need not be kept in memory.
//
// h is how far the state had come when the journal was rotated.
func (s *store) writeSnapshot(h header, rule *access.Snapshot, until uint64) error {
	kept, err := s.collect(until)
	if err != nil {
		return err
	}
	err = journal.Write(s.snapshot(until), s.id, func(frame func([]byte) error) error {
		if err := frame(h.append(nil)); err != nil {
			return err
		}
		if err := rule.Save(pieces(frame)); err != nil {
			return err
		}
		if err := kept.write(frame, rule); err != nil {
			return err
		}
		return frame([]byte{kindEnd})
	})
	if err != nil {
		return err
	}
	s.base = until
	s.tidy()
	return nil
}

// pieces writes a stream as frames.
type pieces func([]byte) error

func (p pieces) Write(b []byte) (int, error) {
	const size = 64 << 10
	for at := 0; at < len(b); at += size {
		if err := p(append([]byte{kindState}, b[at:min(at+size, len(b))]...)); err != nil {
			return at, err
		}
	}
	return len(b), nil
}

// shelf is sealed material on its way from old files to a new one.
type shelf struct {
	sealed    map[string][]byte
	missing   map[string]struct{} // while the stream is read anew: what has not come again
	rereading bool
}

// collect reads the material of the files that a snapshot replaces.
func (s *store) collect(until uint64) (*shelf, error) {
	kept := &shelf{sealed: map[string][]byte{}}
	if _, err := journal.Read(s.snapshot(s.base), s.id, kept.frame); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for n := s.base; n < until; n++ {
		if _, err := journal.Read(s.journal(n), s.id, kept.frame); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

func (k *shelf) frame(b []byte) error {
	switch b[0] {
	case kindMaterial:
		m, err := parseMaterial(b)
		if err != nil {
			return err
		}
		delete(k.missing, m.Key)
		if len(m.Sealed) == 0 {
			delete(k.sealed, m.Key)
		} else {
			k.sealed[m.Key] = append([]byte(nil), m.Sealed...)
		}
	case kindReset:
		k.rereading, k.missing = true, make(map[string]struct{}, len(k.sealed))
		for key := range k.sealed {
			k.missing[key] = struct{}{}
		}
	case kindComplete:
		for key := range k.missing {
			delete(k.sealed, key)
		}
		k.rereading, k.missing = false, nil
	}
	return nil
}

// write gives all that is not useless to frame; what has not come again first.
func (k *shelf) write(frame func([]byte) error, rule *access.Snapshot) error {
	var b []byte
	some := func(missing bool) error {
		for key, sealed := range k.sealed {
			id, version, ok := splitKey(key)
			if _, is := k.missing[key]; is != missing || !ok || rule.SecretDead(id, version) {
				continue
			}
			b = appendMaterial(b[:0], bus.MaterialMessage{Key: key, Sealed: sealed})
			if err := frame(b); err != nil {
				return err
			}
		}
		return nil
	}
	if k.rereading {
		if err := some(true); err != nil {
			return err
		}
		if err := frame([]byte{kindReset}); err != nil {
			return err
		}
	}
	return some(false)
}
