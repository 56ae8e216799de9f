package access

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrPath: a request path that has no canonical form. The caller answers 400
// bad_request_target.
var ErrPath = errors.New("the path has no canonical form")

// CanonicalPath answers the one form of a request path (without its query) in
// which it is routed, checked and forwarded:
//
//   - characters that need no encoding (letters, digits, "-._~") are decoded;
//     every other escape stays, in upper case; what must be encoded is encoded.
//     So "%2C" and "," stay two things, as RFC 3986 has them;
//   - repeated slashes become one, and then dot segments are resolved, where
//     "%2e" is a dot. A final slash stays.
//
// Refused are: an encoded slash or backslash, a backslash, NUL and control
// characters (encoded or not), broken escapes, bytes that are not UTF-8, "?",
// "#", climbing above the root, and dot segments with parameters ("..;x"), which
// some servers resolve.
//
// It is idempotent, and allocates nothing when the path is canonical already:
// then the answer is the path itself. Errors wrap ErrPath.
func CanonicalPath(path string) (string, error) {
	if plain(path) {
		return path, nil
	}
	var memory [256]byte
	canonical, err := appendCanonical(memory[:0], path)
	if err != nil {
		return "", err
	}
	if string(canonical) == path {
		return path, nil
	}
	return string(canonical), nil
}

// CheckPrefix says whether a route's path prefix is one that can be compared
// with canonical paths: canonical itself, and without the characters that are
// the same encoded and plain to many servers ("!$&'()*+,;=:@"), so that nobody
// gets round a longer prefix by encoding one of them. Errors wrap ErrPath.
func CheckPrefix(prefix string) error {
	canonical, err := CanonicalPath(prefix)
	if err != nil {
		return err
	}
	if canonical != prefix {
		return fmt.Errorf("%w: write %q", errNotCanonical, canonical)
	}
	for i := range len(prefix) {
		if class[prefix[i]] == reserved {
			return refusePath("a prefix holds none of " + reservedBytes)
		}
	}
	return nil
}

var errNotCanonical = fmt.Errorf("%w as it is written", ErrPath)

func refusePath(why string) error { return fmt.Errorf("%w: %s", ErrPath, why) }

// The classes of bytes in a path.
const (
	encoded    = iota // only ever as an escape
	unreserved        // only ever plain
	reserved          // plain or as an escape, which differ
)

const reservedBytes = "!$&'()*+,;=:@"

var class = func() (t [256]byte) {
	for c := range 256 {
		switch b := byte(c); {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '-', b == '.', b == '_', b == '~':
			t[c] = unreserved
		case strings.IndexByte(reservedBytes, b) >= 0:
			t[c] = reserved
		}
	}
	return t
}()

// plain says that a path is canonical for sure; some that are not plain are too.
func plain(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	before := byte(0)
	for i := range len(path) {
		c := path[i]
		if c == '/' && before == '/' || c == '.' && before == '/' || c != '/' && class[c] == encoded {
			return false
		}
		before = c
	}
	return true
}

// What a segment means for the path.
const (
	named = iota
	here  // empty or "."
	up    // ".."
)

func appendCanonical(dst []byte, path string) ([]byte, error) {
	if path == "" || path[0] != '/' {
		return nil, refusePath("it does not begin with a slash")
	}
	directory := false // the last segment named nothing: the path ends in a slash
	for start := 0; start < len(path); {
		end := start + 1
		for end < len(path) && path[end] != '/' {
			end++
		}
		mark := len(dst)
		extended, meaning, err := appendSegment(append(dst, '/'), path[start+1:end])
		if err != nil {
			return nil, err
		}
		start, directory = end, meaning != named
		switch meaning {
		case named:
			dst = extended
		case here:
			dst = extended[:mark]
		case up:
			parent := bytes.LastIndexByte(dst, '/')
			if parent < 0 {
				return nil, refusePath("it climbs above the root")
			}
			dst = dst[:parent]
		}
	}
	if directory {
		dst = append(dst, '/')
	}
	return dst, nil
}

// appendSegment appends the canonical form of a segment and says what it means.
func appendSegment(dst []byte, segment string) ([]byte, int, error) {
	var memory [128]byte
	decoded := memory[:0]
	for i := 0; i < len(segment); i++ {
		c, escaped := segment[i], false
		if c == '%' {
			if i+2 >= len(segment) || !hexadecimal(segment[i+1]) || !hexadecimal(segment[i+2]) {
				return nil, 0, refusePath("a broken escape")
			}
			c, escaped = nibble(segment[i+1])<<4|nibble(segment[i+2]), true
			i += 2
		}
		if c < 0x20 || c == 0x7f || c == '\\' || c == '/' || !escaped && (c == '?' || c == '#') {
			return nil, 0, refusePath("a character that no path holds")
		}
		decoded = append(decoded, c)
		if class[c] == unreserved || class[c] == reserved && !escaped {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upper[c>>4], upper[c&15])
		}
	}
	if err := checkText(decoded); err != nil {
		return nil, 0, err
	}
	switch name, _, parameters := bytes.Cut(decoded, semicolon); {
	case len(decoded) == 0:
		return dst, here, nil
	case string(name) != "." && string(name) != "..":
		return dst, named, nil
	case parameters:
		return nil, 0, refusePath("a dot segment with parameters")
	case len(name) == 1:
		return dst, here, nil
	default:
		return dst, up, nil
	}
}

// checkText refuses what is not UTF-8, and the control characters above ASCII.
func checkText(decoded []byte) error {
	for i := 0; i < len(decoded); {
		if decoded[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(decoded[i:])
		if r == utf8.RuneError && size == 1 {
			return refusePath("bytes that are not UTF-8")
		}
		if r >= 0x80 && r <= 0x9f {
			return refusePath("a control character")
		}
		i += size
	}
	return nil
}

const upper = "0123456789ABCDEF"

var semicolon = []byte{';'}

func hexadecimal(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
