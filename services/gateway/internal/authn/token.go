package authn

import (
	"crypto/sha256"
	"encoding/base64"
	"math"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/tidegate-io/tidegate/events/credential"
)

// The bounds of a token's text.
const (
	longestToken = 16 << 10
	// lastDate is the end of the year 9999, in seconds since 1970: what is beyond
	// it is no date.
	lastDate = 253402300799
)

// token is a JWS in its compact form (RFC 7515, 7.1), read strictly and not yet
// verified. It is memory that is used again: its texts alias a buffer, or the
// request.
type token struct {
	signed    string // what the signature covers
	signature []byte
	alg       string
	kid, typ  string
	claims    []member

	header, payload objectReader
	buffer          []byte
}

var tokens = sync.Pool{New: func() any { return new(token) }}

// release gives the memory back, without what it held.
func (t *token) release() {
	*t = token{header: t.header, payload: t.payload, buffer: t.buffer[:0]}
	tokens.Put(t)
}

// bearer answers the token that stands in a place: in Authorization, after the
// word "Bearer"; elsewhere also without it. What cannot be a compact JWS is none.
func bearer(hit *Hit) (text string, ok bool) {
	text, after := scheme(hit.Value, "Bearer")
	if !after {
		text = hit.Value
	}
	if !after && hit.At == authHeader || len(text) > longestToken || strings.Count(text, ".") != 2 {
		return "", false
	}
	return text, true
}

// readToken answers a token that was taken apart, to be released; nil: it is
// malformed, has a header that changes what it means, or one that is not wanted.
func readToken(text string, wanted func(*token) bool) *token {
	t := tokens.Get().(*token)
	if t.read(text, wanted) {
		return t
	}
	t.release()
	return nil
}

// Nothing in a header is ever followed: a key that a token brings along, or the
// address of one (jwk, x5c, jku, x5u), says no more than who made the token, and
// is passed over. What would change how the token is to be read is refused, for
// nothing of that kind is understood here: crit, zip, enc, and a b64 that is not
// true.
func (t *token) read(text string, wanted func(*token) bool) bool {
	header, rest, one := strings.Cut(text, ".")
	payload, signature, two := strings.Cut(rest, ".")
	if !one || !two {
		return false
	}
	t.signed = text[:len(header)+1+len(payload)]
	t.buffer = slices.Grow(t.buffer[:0], len(text))
	fields, ok := t.header.read(t.decode(header))
	if !ok || !t.take(fields) || !wanted(t) {
		return false
	}
	if t.claims, ok = t.payload.read(t.decode(payload)); !ok {
		return false
	}
	t.signature = t.decode(signature)
	return len(t.signature) > 0
}

// take reads the header.
func (t *token) take(fields []member) bool {
	for _, f := range fields {
		ok := true
		switch f.name {
		case "alg":
			t.alg, ok = unquote(f.value)
		case "kid":
			t.kid, ok = unquote(f.value)
		case "typ":
			t.typ, ok = unquote(f.value)
		case "b64":
			ok = f.value == "true"
		case "crit", "zip", "enc":
			ok = false
		}
		if !ok {
			return false
		}
	}
	return t.alg != ""
}

// decode answers the bytes of a part, in the buffer; nil: it is not base64url
// without padding, in the one spelling that these bytes have.
func (t *token) decode(part string) []byte {
	if strings.IndexByte(part, '\n') >= 0 || strings.IndexByte(part, '\r') >= 0 { // which the decoder passes over
		return nil
	}
	from := len(t.buffer)
	buffer, err := strictURL.AppendDecode(t.buffer, unsafe.Slice(unsafe.StringData(part), len(part)))
	if err != nil {
		return nil
	}
	t.buffer = buffer
	return t.buffer[from:]
}

var strictURL = base64.RawURLEncoding.Strict()

// claim answers a claim as it is written; "": there is none.
func (t *token) claim(name string) string {
	for i := range t.claims {
		if t.claims[i].name == name {
			return t.claims[i].value
		}
	}
	return ""
}

// text answers a claim that is a string.
func (t *token) text(name string) (value string, ok bool) { return unquote(t.claim(name)) }

// optional answers a claim that is a string or not there; false: it is something
// else.
func (t *token) optional(name string) (value string, ok bool) {
	if t.claim(name) == "" {
		return "", true
	}
	return t.text(name)
}

// seconds answers a claim that is a date (RFC 7519, 2: seconds since 1970, maybe
// with a fraction); none: it is not there; false: it is something else. The
// fraction is given up by rounding.
func (t *token) seconds(name string, none int64, round func(float64) float64) (at int64, ok bool) {
	written := t.claim(name)
	if written == "" {
		return none, true
	}
	value, ok := number(written)
	if !ok || value < 0 || value > lastDate {
		return 0, false
	}
	return int64(round(value)), true
}

// dates answers when a token begins and ends to be valid.
func (t *token) dates() (notBefore, notAfter int64, ok bool) {
	notBefore, began := t.seconds("nbf", always, math.Ceil)
	notAfter, ends := t.seconds("exp", never, math.Floor)
	return notBefore, notAfter, began && ends
}

// What a token without nbf or exp has for it.
const (
	always = math.MinInt64
	never  = math.MaxInt64
)

// isOurs says that a token is for Tidegate itself: an access token, which is
// oauth2's, or a management token, which is no gateway's. No credential's key
// makes it a caller's own, or whoever registered Tidegate's public key as theirs
// would stand beside every holder of an access token.
func (t *token) isOurs() bool {
	return t.isFor(managementAudience) || strings.EqualFold(strings.TrimPrefix(t.typ, "application/"), credential.TokenType) && t.isFor(credential.TokenAudience)
}

// managementAudience is what management tokens of the built-in issuer are for.
const managementAudience = "tidegate-management"

// isFor says whether an audience is the token's, or one of its (RFC 7519, 4.1.3).
// A list that holds anything but texts is for nobody.
func (t *token) isFor(audience string) bool {
	written := t.claim("aud")
	if one, ok := unquote(written); ok {
		return one == audience
	}
	all, ok := texts(written)
	return ok && slices.Contains(all, audience)
}

// texts answers an array of strings that was read before.
func texts(written string) (list []string, ok bool) {
	if written == "" || written[0] != '[' {
		return nil, false
	}
	r := objectReader{text: written}
	for r.pass(); r.text[r.at] != ']'; {
		if r.text[r.at] != '"' {
			return nil, false
		}
		one, _ := r.string()
		list = append(list, one)
		if r.space(); r.text[r.at] == ',' {
			r.pass()
		}
	}
	return list, true
}

// digested remembers the digest of the text that was asked for last: several
// types look at one token.
type digested struct {
	text string
	sum  [sha256.Size]byte
}

func (d *digested) of(text string) *[sha256.Size]byte {
	if unsafe.StringData(d.text) != unsafe.StringData(text) || len(d.text) != len(text) {
		d.text, d.sum = text, sha256.Sum256(unsafe.Slice(unsafe.StringData(text), len(text)))
	}
	return &d.sum
}
