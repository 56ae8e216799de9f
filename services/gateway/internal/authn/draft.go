package authn

import (
	"crypto/sha1" //nolint:gosec // for those who allow it by name
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// draft verifies `Signature keyId="K",algorithm="hmac-sha256",headers="@request-target
// date",signature="<base64>"`: a signature over the key's name and the headers
// that are listed, and over the body by way of its Digest.
func (h *HMAC) draft(a *Attempt, hit *Hit, text string) {
	auth, ok := parseDraft(text)
	if !ok {
		return
	}
	q := a.Request
	c, s := h.find(a, hit, auth.keyID, schemeSignature)
	if c == nil || !s.allows(auth.algorithm, auth.algorithm == hmacSHA1) || !sameHost(q) {
		return
	}
	if !s.dated(q, auth.headers) {
		return
	}
	sheet := sheets.Get().(*sheet)
	defer sheets.Put(sheet)
	if !sheet.draft(q, auth) {
		return
	}
	version := sheet.signedBy(a, c, auth.algorithm, sheet.b, auth.signature)
	if version > 0 && h.digested(a, s, auth.headers) {
		h.accept(a, hit, c, s, version, signatureKey(c.ID, auth.signature))
	}
}

// dated judges the Date, which must be covered unless dates are not looked at.
func (s *signing) dated(q *Request, headers string) bool {
	if s.skew == 0 {
		return true
	}
	date, n := q.Field("Date")
	if n != 1 || !lists(headers, "date") {
		return false
	}
	at, err := http.ParseTime(date)
	return err == nil && s.near(at, q.At)
}

// digested holds the body against its Digest, when there is one or must be.
func (h *HMAC) digested(a *Attempt, s *signing, headers string) bool {
	value, n := a.Request.Field("Digest")
	if n == 0 && !s.digest {
		return true
	}
	if n != 1 || !lists(headers, "digest") || bodyHidden(a.Request) {
		return false
	}
	want, ok := digestSHA256(value)
	if !ok {
		return false
	}
	body, ok := a.Body(h.limit)
	if !ok {
		return false
	}
	sum := sha256.Sum256(body)
	return subtle.ConstantTimeCompare(sum[:], want) == 1
}

// digestSHA256 reads the one SHA-256 digest of a Digest header (RFC 3230), whose
// others nobody needs.
func digestSHA256(value string) (sum []byte, ok bool) {
	for part := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(strings.Trim(part, " \t"), "=")
		if !strings.EqualFold(name, "SHA-256") {
			continue
		}
		var err error
		if sum != nil {
			return nil, false
		}
		if sum, err = base64.StdEncoding.Strict().DecodeString(text); err != nil || len(sum) != sha256.Size {
			return nil, false
		}
	}
	return sum, sum != nil
}

// authDraft is what the header says.
type authDraft struct {
	keyID, algorithm, headers string
	signature                 []byte
}

// sizes are how long the algorithms' signatures are.
var sizes = map[string]int{hmacSHA256: sha256.Size, hmacSHA512: sha512.Size, hmacSHA1: sha1.Size}

// parseDraft reads the parameters: four, in any order, each once and in quotes,
// and none besides. There are no escapes in the quotes.
func parseDraft(text string) (auth authDraft, ok bool) {
	signature := ""
	if len(text) > longestAuthorization {
		return auth, false
	}
	for {
		name, rest, found := strings.Cut(strings.TrimLeft(text, " \t"), `="`)
		value, after, closed := strings.Cut(rest, `"`)
		var to *string
		switch name {
		case "keyId":
			to = &auth.keyID
		case "algorithm":
			to = &auth.algorithm
		case "headers":
			to = &auth.headers
		case "signature":
			to = &signature
		}
		if !found || !closed || to == nil || *to != "" || value == "" || strings.IndexByte(value, '\\') >= 0 {
			return auth, false
		}
		*to = value
		if text = strings.TrimLeft(after, " \t"); text == "" {
			break
		}
		if text[0] != ',' {
			return auth, false
		}
		text = text[1:]
	}
	var err error
	auth.signature, err = base64.StdEncoding.Strict().DecodeString(signature)
	size, known := sizes[auth.algorithm]
	return auth, err == nil && known && len(auth.signature) == size && auth.keyID != "" && auth.headers != ""
}

// draft lays out what is signed; false: a header that is listed is not there, or
// more than once, or is listed twice.
func (t *sheet) draft(q *Request, auth authDraft) bool {
	b := append(append(t.b[:0], auth.keyID...), '\n')
	n := 0
	for name := range strings.SplitSeq(auth.headers, " ") {
		if n++; name == "" || n > mostSigned || namedBefore(auth.headers, " ", name, n) {
			return false
		}
		if name == "@request-target" {
			b = append(append(b, q.Method...), ' ')
			b = append(append(b, q.Raw...), '\n')
			continue
		}
		value, ok := signedField(q, name)
		if !ok {
			return false
		}
		b = append(append(b, name...), ": "...)
		b = append(append(b, value...), '\n')
	}
	t.b = b
	return true
}

// lists says whether a header is in a list, whose names are separated by spaces.
func lists(headers, name string) bool {
	for each := range strings.SplitSeq(headers, " ") {
		if strings.EqualFold(each, name) {
			return true
		}
	}
	return false
}
