package authn

import (
	"crypto/sha256"
	"crypto/subtle"
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
	if c == nil || !s.allows(auth.algorithm) || !sameHost(q) || !s.dated(q, auth.headers) {
		return
	}
	sheet := sheets.Get().(*sheet)
	defer sheets.Put(sheet)
	signature, ok := sheet.decode(auth.signature, auth.algorithm.size)
	if !ok || !sheet.draft(q, auth) {
		return
	}
	version := sheet.signedBy(a, c, auth.algorithm, sheet.b, signature)
	key := signatureKey(c.ID, signature)
	if version > 0 && h.digested(a, s, sheet, auth.headers) {
		h.accept(a, hit, c, s, version, key)
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
	at, ok := dateOfHTTP(date)
	return ok && s.near(at, q.At)
}

// digested holds the body against its Digest, when there is one or must be.
func (h *HMAC) digested(a *Attempt, s *signing, sheet *sheet, headers string) bool {
	value, n := a.Request.Field("Digest")
	if n == 0 && !s.digest {
		return true
	}
	if n != 1 || !lists(headers, "digest") || bodyHidden(a.Request) {
		return false
	}
	want, ok := sheet.digest(value)
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

// digest reads the one SHA-256 digest of a Digest header (RFC 3230), whose others
// nobody needs.
func (t *sheet) digest(value string) (sum []byte, ok bool) {
	for part := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(strings.Trim(part, " \t"), "=")
		if !strings.EqualFold(name, "SHA-256") {
			continue
		}
		if ok {
			return nil, false
		}
		if sum, ok = t.decode(text, sha256.Size); !ok {
			return nil, false
		}
	}
	return sum, ok
}

// authDraft is what the header says.
type authDraft struct {
	keyID, headers string
	algorithm      *algorithm
	signature      string // in base64
}

// parseDraft reads the parameters: four, in any order, each once and in quotes,
// and none besides. There are no escapes in the quotes.
func parseDraft(text string) (auth authDraft, ok bool) {
	word := "" // for the algorithm
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
			to = &word
		case "headers":
			to = &auth.headers
		case "signature":
			to = &auth.signature
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
	for _, known := range [...]*algorithm{hmacSHA256, hmacSHA512, hmacSHA1} {
		if known.name == word {
			auth.algorithm = known
		}
	}
	return auth, auth.algorithm != nil && auth.keyID != "" && auth.headers != "" && auth.signature != ""
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
