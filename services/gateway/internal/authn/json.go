package authn

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// member is one of a JSON object. Its texts alias what was read, or are made for
// it.
type member struct {
	name  string
	value string // as it is written
}

// The bounds of what is signed: more is no token.
const (
	maxMembers = 512 // names, at any depth
	maxNesting = 32
)

// objectReader reads one JSON object so that there is one way to understand it:
// UTF-8, no name twice in any object (compared after its escapes are resolved),
// no lone surrogates, no numbers beyond what a float64 holds. Parsers that
// differ in what they make of those would see different claims under one
// signature.
type objectReader struct {
	text   string
	at     int
	count  int
	names  []string // of the objects that are open
	member []member // of the outermost object
}

// read answers the members of the object, in order; they are in force until the
// next read.
func (r *objectReader) read(text []byte) ([]member, bool) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, false
	}
	r.text, r.at, r.count = unsafe.String(unsafe.SliceData(text), len(text)), 0, 0
	r.names, r.member = r.names[:0], r.member[:0]
	r.space()
	if r.text[r.at] != '{' || !r.object(1) {
		return nil, false
	}
	return r.member, true
}

// What follows may rely on that the text is JSON.

func (r *objectReader) space() {
	for r.at < len(r.text) && r.text[r.at] <= ' ' {
		r.at++
	}
}

// pass goes on to the next token after a separator or an opening.
func (r *objectReader) pass() {
	r.at++
	r.space()
}

func (r *objectReader) object(depth int) bool {
	mine := len(r.names)
	r.pass()
	for r.text[r.at] != '}' {
		name, ok := r.string()
		if r.count++; !ok || r.count > maxMembers {
			return false
		}
		r.names = append(r.names, name)
		r.space()
		r.pass() // the colon
		from := r.at
		if !r.value(depth) {
			return false
		}
		if depth == 1 {
			r.member = append(r.member, member{name, r.text[from:r.at]})
		}
		if r.space(); r.text[r.at] == ',' {
			r.pass()
		}
	}
	r.at++
	distinct := different(r.names[mine:])
	r.names = r.names[:mine]
	return distinct
}

func (r *objectReader) array(depth int) bool {
	r.pass()
	for r.text[r.at] != ']' {
		if !r.value(depth) {
			return false
		}
		if r.space(); r.text[r.at] == ',' {
			r.pass()
		}
	}
	r.at++
	return true
}

// value reads any value of an object or array at a depth.
func (r *objectReader) value(depth int) bool {
	switch c := r.text[r.at]; {
	case (c == '{' || c == '[') && depth == maxNesting:
		return false
	case c == '{':
		return r.object(depth + 1)
	case c == '[':
		return r.array(depth + 1)
	case c == '"':
		_, ok := r.string()
		return ok
	}
	from := r.at
	for r.at < len(r.text) && !strings.ContainsRune(",]} \t\r\n", rune(r.text[r.at])) {
		r.at++
	}
	word := r.text[from:r.at]
	if word[0] >= 'a' { // true, false, null
		return true
	}
	_, ok := number(word)
	return ok
}

func (r *objectReader) string() (string, bool) {
	from := r.at
	for r.at++; r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			r.at++
		}
	}
	r.at++
	return unquote(r.text[from:r.at])
}

// different says whether no name is there twice. It may change their order.
func different(names []string) bool {
	if len(names) > 16 {
		slices.Sort(names)
		return len(slices.Compact(names)) == len(names)
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return false
		}
	}
	return true
}

// number answers a JSON number; false: it is none, or beyond a float64.
func number(written string) (float64, bool) {
	if c := written[0]; c != '-' && (c < '0' || c > '9') {
		return 0, false
	}
	value, err := strconv.ParseFloat(written, 64)
	return value, err == nil
}

// unquote answers a JSON string; false: it is none, or has a lone surrogate.
func unquote(written string) (string, bool) {
	if len(written) < 2 || written[0] != '"' {
		return "", false
	}
	written = written[1 : len(written)-1]
	if strings.IndexByte(written, '\\') < 0 {
		return written, true
	}
	made := make([]byte, 0, len(written))
	for i := 0; i < len(written); i++ {
		if written[i] != '\\' {
			made = append(made, written[i])
			continue
		}
		i++
		if written[i] != 'u' {
			made = append(made, plain[written[i]])
			continue
		}
		r := hex4(written[i+1:])
		i += 4
		if utf16.IsSurrogate(r) {
			if len(written) < i+7 || written[i+1] != '\\' || written[i+2] != 'u' {
				return "", false
			}
			if r = utf16.DecodeRune(r, hex4(written[i+3:])); r == utf8.RuneError {
				return "", false
			}
			i += 6
		}
		made = utf8.AppendRune(made, r)
	}
	return unsafe.String(unsafe.SliceData(made), len(made)), true
}

// plain is what escapes of one letter stand for.
var plain = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func hex4(text string) (r rune) {
	for i := range 4 {
		r = r<<4 | rune(digit(text[i]))
	}
	return r
}
