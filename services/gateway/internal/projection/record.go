package projection

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
)

// The kinds of frames. A journal holds events, material, resets and
// completions; a snapshot holds a header, the rule's state in pieces, then
// material as a journal has it, and an end.
const (
	kindEvent    = 'e'
	kindMaterial = 'm'
	kindReset    = 'r' // the material stream was made anew: what does not come again is gone
	kindComplete = 'c' // it has come again
	kindHeader   = 'H'
	kindState    = 'S'
	kindEnd      = 'E'
)

var errFrame = errors.New("a frame that cannot be read")

// eventFrame is one event as it was read from its context's stream.
type eventFrame struct {
	context  int // index in bus.Contexts
	epoch    string
	position int64
	body     []byte
}

func (f eventFrame) append(dst []byte) []byte {
	dst = append(dst, kindEvent, byte(f.context))
	dst = binary.AppendUvarint(dst, uint64(f.position))
	dst = appendText(dst, f.epoch)
	return append(dst, f.body...)
}

func parseEvent(b []byte) (f eventFrame, err error) {
	if len(b) < 2 || int(b[1]) >= len(bus.Contexts) {
		return f, errFrame
	}
	f.context = int(b[1])
	r := reader{b[2:], nil}
	f.position, f.epoch = r.number(), r.text()
	f.body = r.rest
	return f, r.err
}

// appendMaterial writes a material message; its sealed bytes come last.
func appendMaterial(dst []byte, m bus.MaterialMessage) []byte {
	dst = append(dst, kindMaterial)
	dst = binary.AppendUvarint(dst, uint64(m.Cursor.Sequence))
	dst = binary.AppendUvarint(dst, uint64(m.Position))
	dst = appendText(dst, m.Cursor.Incarnation)
	dst = appendText(dst, m.Key)
	return append(dst, m.Sealed...)
}

func parseMaterial(b []byte) (m bus.MaterialMessage, err error) {
	r := reader{b[1:], nil}
	m.Cursor.Sequence, m.Position = r.number(), r.number()
	m.Cursor.Incarnation, m.Key = r.text(), r.text()
	m.Sealed = r.rest
	return m, r.err
}

func appendReset(dst []byte, incarnation string) []byte {
	return append(append(dst, kindReset), incarnation...)
}

// header is how far the state of a snapshot has come.
type header struct {
	Cursors   map[string]es.Cursor `json:"cursors"`
	Material  bus.MaterialCursor   `json:"material"`
	Position  int64                `json:"position"` // of the material
	Undecoded int64                `json:"undecoded"`
	Registry  string               `json:"registry"` // what the binary that folded it could decode
}

func (h header) append(dst []byte) []byte {
	body, _ := json.Marshal(h) // strings and numbers: it cannot fail
	return append(append(dst, kindHeader), body...)
}

func parseHeader(b []byte) (h header, err error) {
	if err := json.Unmarshal(b[1:], &h); err != nil {
		return h, fmt.Errorf("%w: %w", errFrame, err)
	}
	return h, nil
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// reader takes fields off a frame; after the first fault it answers zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) number() int64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > 1<<62 {
		r.rest, r.err = nil, errFrame
		return 0
	}
	r.rest = r.rest[size:]
	return int64(n)
}

func (r *reader) text() string {
	n := r.number()
	if n > int64(len(r.rest)) {
		r.rest, r.err = nil, errFrame
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
