package access

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// ErrSnapshot: what should be loaded is not a whole snapshot of a format that
// this release knows. Build one anew from the events.
var ErrSnapshot = errors.New("not a readable snapshot")

// A saved snapshot is a line that names its format, then records (a byte for
// the kind, a varint for the length, the fields), then a record of kind 0 with
// the count of them all and whether something was unreadable.
const (
	formatLine = "tidegate access snapshot 1\n"
	kindEnd    = 0
	maxRecord  = 16 << 20 // bytes; many times an event
)

// Save writes everything that is known, in order of kind and id, so that equal
// snapshots make equal bytes. It may run while Apply runs: then it holds all
// that was applied before it began, and perhaps some of what came after.
// Applying again, after Load, everything from the moment at which Save began
// makes it exact, for what was applied already is ignored. The caller guards the
// bytes (checksum, rename).
func (s *Snapshot) Save(w io.Writer) error {
	out := &saver{w: bufio.NewWriterSize(w, 1<<16)}
	unreadable := s.Unreadable()
	_, _ = out.w.WriteString(formatLine) // Flush answers the first error
	save(out, s.eachConsumer, func(c *Consumer) string { return c.ID })
	save(out, s.eachService, func(v *Service) string { return v.ID })
	save(out, s.credentials.all, func(c *Credential) string { return c.ID })
	save(out, s.subscriptions.all, func(u *Subscription) string { return u.ID })
	save(out, s.eachSigning, func(*signing) string { return "" })
	save(out, s.eachToken, func(t *revokedToken) string { return t.id })
	save(out, s.eachPassed, func(*passed) string { return "" })

	number(&out.fields, &out.count)
	end := unreadable || s.Unreadable()
	out.fields.flag(&end)
	out.record(kindEnd)
	if err := out.w.Flush(); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	return nil
}

type saver struct {
	w      *bufio.Writer
	fields wire
	head   []byte
	count  int64
}

func save[R record](out *saver, each iter.Seq[R], id func(R) string) {
	for _, r := range slices.SortedFunc(each, func(a, b R) int { return cmp.Compare(id(a), id(b)) }) {
		r.code(&out.fields)
		out.record(kindOf(r))
		out.count++
	}
}

// record writes the fields collected so far as one record.
func (o *saver) record(kind byte) {
	o.head = binary.AppendUvarint(append(o.head[:0], kind), uint64(len(o.fields.b)))
	_, _ = o.w.Write(o.head)
	_, _ = o.w.Write(o.fields.b)
	o.fields.b = o.fields.b[:0]
}

// Load reads what Save wrote. Errors wrap ErrSnapshot or the reader's.
func Load(r io.Reader) (*Snapshot, error) {
	s, err := load(bufio.NewReaderSize(r, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("load snapshot: %w", err)
	}
	return s, nil
}

func load(r *bufio.Reader) (*Snapshot, error) {
	line := make([]byte, len(formatLine))
	if _, err := io.ReadFull(r, line); err != nil || string(line) != formatLine {
		return nil, fmt.Errorf("%w: unknown format", ErrSnapshot)
	}
	s := New()
	fields := wire{s: s, reading: true}
	var body []byte
	for count := int64(0); ; count++ {
		kind, err := r.ReadByte()
		if err != nil {
			return nil, fmt.Errorf("%w: cut short: %w", ErrSnapshot, err)
		}
		if body, err = readBody(r, body); err != nil {
			return nil, fmt.Errorf("%w: cut short: %w", ErrSnapshot, err)
		}
		fields.b = body
		if kind == kindEnd {
			return s, s.finish(&fields, count)
		}
		if !s.restore(kind, &fields) || fields.failed || len(fields.b) > 0 {
			return nil, fmt.Errorf("%w: record %d", ErrSnapshot, count)
		}
	}
}

func readBody(r *bufio.Reader, room []byte) ([]byte, error) {
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if size > maxRecord {
		return nil, fmt.Errorf("a record of %d bytes", size)
	}
	room = slices.Grow(room[:0], int(size))[:size]
	_, err = io.ReadFull(r, room)
	return room, err
}

func (s *Snapshot) finish(fields *wire, count int64) error {
	var written int64
	var unreadable bool
	number(fields, &written)
	fields.flag(&unreadable)
	if fields.failed || len(fields.b) > 0 || written != count {
		return fmt.Errorf("%w: %d records instead of %d", ErrSnapshot, count, written)
	}
	s.unreadable.Store(unreadable)
	return nil
}

// restore puts one record in force.
func (s *Snapshot) restore(kind byte, fields *wire) bool {
	switch kind {
	case kindConsumer:
		c := new(Consumer)
		if c.code(fields); !fields.failed {
			at := s.party(c.ID)
			c.ID, c.Team = at.id, s.word(c.Team)
			s.putConsumer(at, c)
		}
	case kindService:
		v := new(Service)
		if v.code(fields); !fields.failed {
			at := s.provider(v.ID)
			v.ID, v.at = at.id, at
			s.putService(at, v)
		}
	case kindCredential:
		c := new(*unknown)
		if c.code(fields); !fields.failed {
			hash := s.hash(c.ID)
			s.putCredential(hash, s.findCredential(hash, c.ID), c.inlined(c.ID))
		}
	case kindSubscription:
		u := new(Subscription)
		if u.code(fields); !fields.failed {
			hash := s.hash(u.ID)
			u.PlanID = s.word(u.PlanID)
			s.putSubscription(hash, s.findSubscription(hash, u.ID), u)
		}
	case kindSigning:
		k := new(signing)
		if k.code(fields); !fields.failed {
			s.putSigning(s.signing.Load(), k)
		}
	case kindToken:
		t := new(revokedToken)
		if t.code(fields); !fields.failed {
			s.putToken(s.tokenState(t.id), t)
		}
	case kindPassed:
		var p passed
		if p.code(fields); !fields.failed {
			s.pass(p.moment)
		}
	default:
		return false
	}
	return true
}
