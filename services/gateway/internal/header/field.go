// Package header reads header lines as they were sent, and says which of them
// may cross the gateway.
//
// Fields alias the connection's read buffer: they are good until the request's
// handler returns and must be copied by whoever keeps them longer.
package header

import (
	"bytes"
	"errors"
	"strings"
	"unsafe"
)

// ErrMalformed: the header lines can be read in more than one way, or in none.
// A request that has them is refused with 400 malformed_request.
var ErrMalformed = errors.New("malformed header")

// Field is one header line.
type Field struct{ Name, Value string }

// Is compares the field's name, ignoring case.
func (f Field) Is(name string) bool {
	return len(f.Name) == len(name) && strings.EqualFold(f.Name, name)
}

// Parse appends the lines of a raw header block (without the request line) to
// dst. It is stricter than the server's own parser, so that what it lets through
// has one reading: no folded lines, no space before the colon, no bare CR, no
// control character, names of RFC 9110 tokens alone.
func Parse(dst []Field, raw []byte) ([]Field, error) {
	for len(raw) > 0 {
		line := raw
		if end := bytes.IndexByte(raw, '\n'); end >= 0 {
			line, raw = raw[:end], raw[end+1:]
		} else {
			raw = nil
		}
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			return nil, ErrMalformed
		}
		name, value := line[:colon], bytes.Trim(line[colon+1:], " \t")
		if !Token(text(name)) || !Clean(text(value)) {
			return nil, ErrMalformed
		}
		dst = append(dst, Field{Name: text(name), Value: text(value)})
	}
	return dst, nil
}

// Token says whether s is an RFC 9110 token.
func Token(s string) bool {
	for i := range len(s) {
		if !token[s[i]] {
			return false
		}
	}
	return s != ""
}

var token = func() (t [256]bool) {
	for c := byte('!'); c < 0x7f; c++ {
		t[c] = strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) < 0
	}
	return t
}()

// Clean says whether a value holds no control characters but the tab.
func Clean(value string) bool {
	for i := range len(value) {
		c := value[i]
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// text is a string over the same memory.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
