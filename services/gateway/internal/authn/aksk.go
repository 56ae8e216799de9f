package authn

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unsafe"
)

// The words by which a signature of the scheme aksk begins. What was sent is what
// is signed.
const (
	wordAKSK = "HMAC-SHA256"
	wordSDK  = "SDK-HMAC-SHA256"
)

// dateAKSK is the header with the time of signing, and its form.
const (
	dateAKSK   = "X-Gateway-Date"
	layoutAKSK = "20060102T150405Z"
)

// The longest that is read.
const (
	longestAuthorization = 4 << 10
	mostSigned           = 64 // headers that one signature covers
)

// aksk verifies `HMAC-SHA256 Access=<key>, SignedHeaders=<h1;h2>, Signature=<hex>`:
// a signature over the method, the path, the query, the headers named and the
// body.
func (h *HMAC) aksk(a *Attempt, hit *Hit) {
	auth, ok := parseAKSK(hit.Value)
	if !ok {
		return
	}
	q := a.Request
	c, s := h.find(a, hit, auth.access, schemeAKSK)
	if c == nil || !s.allows(hmacSHA256) || bodyHidden(q) || !sameHost(q) {
		return
	}
	date, once := q.Field(dateAKSK)
	if once != 1 {
		return
	}
	if s.skew > 0 {
		if at, ok := dateOfAKSK(date); !ok || !s.near(at, q.At) {
			return
		}
	}
	body, ok := a.Body(h.limit)
	if !ok {
		return
	}
	sheet := sheets.Get().(*sheet)
	defer sheets.Put(sheet)
	if !sheet.canonical(q, auth.signed, body) {
		return
	}
	sheet.sign(auth.word, date)
	if version := sheet.signedBy(a, c, hmacSHA256, sheet.b, auth.signature[:]); version > 0 {
		h.accept(a, hit, c, s, version, signatureKey(c.ID, auth.signature[:]))
	}
}

// authAKSK is what the header says.
type authAKSK struct {
	word, access, signed string
	signature            [sha256.Size]byte
}

// parseAKSK reads the header: the word, and three parameters in any order, each
// once, and none besides.
func parseAKSK(value string) (auth authAKSK, ok bool) {
	if len(value) > longestAuthorization {
		return auth, false
	}
	var rest string
	auth.word, rest, _ = strings.Cut(value, " ")
	if !strings.EqualFold(auth.word, wordAKSK) && !strings.EqualFold(auth.word, wordSDK) {
		return auth, false
	}
	signature := ""
	for part := range strings.SplitSeq(rest, ",") {
		name, text, _ := strings.Cut(strings.Trim(part, " \t"), "=")
		var to *string
		switch name {
		case "Access":
			to = &auth.access
		case "SignedHeaders":
			to = &auth.signed
		case "Signature":
			to = &signature
		default:
			return auth, false
		}
		if *to != "" || text == "" {
			return auth, false
		}
		*to = text
	}
	if len(signature) != hex.EncodedLen(len(auth.signature)) || strings.ContainsAny(signature, "ABCDEF") {
		return auth, false
	}
	_, err := hex.Decode(auth.signature[:], unsafe.Slice(unsafe.StringData(signature), len(signature)))
	return auth, err == nil && auth.access != "" && auth.signed != ""
}

// canonical lays out the request; false: a header that is named is not there, or
// more than once, or is named twice.
func (t *sheet) canonical(q *Request, signed string, body []byte) bool {
	path, query, _ := asSent(q.Raw)
	b := append(append(t.b[:0], q.Method...), '\n')
	b = append(b, path...)
	if path[len(path)-1] != '/' {
		b = append(b, '/')
	}
	b = t.appendQuery(append(b, '\n'), query)
	b = append(b, '\n')
	n := 0
	for name := range strings.SplitSeq(signed, ";") {
		value, ok := signedField(q, name)
		if n++; !ok || n > mostSigned || namedBefore(signed, ";", name, n) {
			return false
		}
		b = append(appendLower(b, name), ':')
		b = append(append(b, value...), '\n')
	}
	b = append(appendLower(append(b, '\n'), signed), '\n')
	if len(body) == 0 {
		t.b = append(b, sumOfNothing...)
		return true
	}
	sum := sha256.Sum256(body)
	t.b = hex.AppendEncode(b, sum[:])
	return true
}

// sumOfNothing is the SHA-256 of an empty body.
const sumOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// namedBefore says whether the nth name of a list stood in it already.
func namedBefore(list, separator, name string, n int) bool {
	for other := range strings.SplitSeq(list, separator) {
		if n--; n == 0 {
			return false
		}
		if strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

// sign makes the string to sign of the canonical request.
func (t *sheet) sign(word, date string) {
	sum := sha256.Sum256(t.b)
	b := append(append(t.b[:0], word...), '\n')
	b = append(append(b, date...), '\n')
	t.b = hex.AppendEncode(b, sum[:])
}

// appendQuery writes a query canonically: empty pairs left out, the rest decoded
// once ("+" is itself), encoded by RFC 3986 and sorted by name, then by value.
func (t *sheet) appendQuery(b []byte, query string) []byte {
	t.pairs, t.text = t.pairs[:0], t.text[:0]
	sorted := true
	for rest := query; rest != ""; {
		var part string
		if part, rest, _ = strings.Cut(rest, "&"); part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		p := pair{from: len(t.text)}
		t.text = appendEncoded(t.text, name, &unreserved)
		p.equals = len(t.text)
		t.text = appendEncoded(append(t.text, '='), value, &unreserved)
		p.to = len(t.text)
		sorted = sorted && (len(t.pairs) == 0 || t.order(t.pairs[len(t.pairs)-1], p) <= 0)
		t.pairs = append(t.pairs, p)
	}
	if !sorted {
		slices.SortFunc(t.pairs, t.order)
	}
	for i, p := range t.pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, t.text[p.from:p.to]...)
	}
	return b
}

// order is that of two pairs.
func (t *sheet) order(x, y pair) int {
	if order := bytes.Compare(t.text[x.from:x.equals], t.text[y.from:y.equals]); order != 0 {
		return order
	}
	return bytes.Compare(t.text[x.equals:x.to], t.text[y.equals:y.to])
}

const upperHex = "0123456789ABCDEF"

// appendEncoded decodes a part of a query and encodes it again, but for some
// characters. A "%" that begins no escape is itself.
func appendEncoded(b []byte, part string, but *[256]bool) []byte {
	for i := 0; i < len(part); i++ {
		from := i
		for i < len(part) && but[part[i]] {
			i++
		}
		if b = append(b, part[from:i]...); i == len(part) {
			break
		}
		c := part[i]
		if c == '%' && i+2 < len(part) {
			if high, low := digit(part[i+1]), digit(part[i+2]); high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		if but[c] {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

// What RFC 3986 leaves as it is, and what a form does (the URL standard's
// application/x-www-form-urlencoded percent-encode set).
var (
	unreserved = lettersAnd("-._~")
	ofForm     = lettersAnd("-._*")
)

func lettersAnd(others string) (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + others) {
		t[c] = true
	}
	return t
}

func appendLower(b []byte, text string) []byte {
	from := len(b)
	b = append(b, text...)
	for i, c := range b[from:] {
		if c >= 'A' && c <= 'Z' {
			b[from+i] = c | 0x20
		}
	}
	return b
}
