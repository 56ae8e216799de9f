package authn

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/sfv"
)

// Headers of a signature by RFC 9421, and of the digest that it covers.
const (
	inputHeader  = "Signature-Input"
	digestHeader = "Content-Digest"
)

// mostLabels bounds how many signatures of one request are looked at.
const mostLabels = 8

// message verifies the signatures of one Signature line by RFC 9421. Each line
// must be a dictionary by itself, and all of them together one; a label of ours
// must be in Signature-Input too. Labels that name no credential are others'.
func (h *HMAC) message(a *Attempt, hit *Hit) {
	sheet := sheets.Get().(*sheet)
	defer sheets.Put(sheet)
	signatures, ok := sheet.read(a.Request, hit)
	if !ok || len(signatures) > mostLabels {
		return
	}
	for i := range signatures {
		m := &signatures[i]
		input := sheet.inputs.Find(m.Key)
		if !m.List && m.Items[0].Kind == sfv.Bytes && input != nil && input.List {
			h.labelled(a, hit, sheet, m, input)
		}
	}
}

// read reads the dictionaries of a request, and answers the signatures that are in
// the line in question.
func (t *sheet) read(q *Request, hit *Hit) (signatures []sfv.Member, ok bool) {
	t.signatures.Reset()
	t.inputs.Reset()
	from, to := 0, 0
	for i := range q.Fields {
		f := &q.Fields[i]
		switch {
		case f.Is(inputHeader):
			if t.inputs.Read(f.Value) != nil {
				return nil, false
			}
		case f.Is(signatureHeader.Name):
			before := len(t.signatures.Members)
			if t.signatures.Read(f.Value) != nil {
				return nil, false
			}
			if i == hit.Field {
				from, to = before, len(t.signatures.Members)
			}
		}
	}
	return t.signatures.Members[from:to], true
}

func (h *HMAC) labelled(a *Attempt, hit *Hit, sheet *sheet, signature, input *sfv.Member) {
	q := a.Request
	name := sfv.Find(input.Params, "keyid")
	if name == nil || name.Kind != sfv.String {
		return
	}
	c, s := h.find(a, hit, name.Text, schemeRFC9421)
	if c == nil || !s.allows(hmacSHA256) || !sameHost(q) || !s.timed(input.Params, q.At) || !enough(input.Items) {
		return
	}
	made := signature.Items[0].Bytes
	version := sheet.covered(a, c, s, made, input)
	if version == 0 || !h.contentDigested(a, s, sheet, input.Items) {
		return
	}
	key := signatureKey(c.ID, made)
	if nonce := sfv.Find(input.Params, "nonce"); nonce != nil {
		key, sheet.b = nonceKey(sheet.b, c.ID, nonce.Text)
	}
	h.accept(a, hit, c, s, version, key)
	hit.labels = append(hit.labels, signature.Key)
}

// covered answers which version of a secret a signature base was signed with.
// What the client calls the protocol is not known, for TLS may have ended before
// the gateway: it is taken for what it was the last time, and then for the other.
func (t *sheet) covered(a *Attempt, c *access.Credential, s *signing, signature []byte, input *sfv.Member) (version int) {
	plain := s.plain.Load()
	for _, p := range [...]bool{plain, !plain} {
		base, ok := appendBase(t.b[:0], partsOf(a.Request, p), input)
		if !ok {
			return 0
		}
		t.b = base
		if version = t.signedBy(a, c, hmacSHA256, base, signature); version > 0 {
			if p != plain {
				s.plain.Store(p)
			}
			return version
		}
		if !covers(input.Items, "@target-uri") && !covers(input.Items, "@authority") && !covers(input.Items, "@scheme") {
			return 0 // the other is the same
		}
	}
	return 0
}

// timed judges the parameters that are not components: when the signature was
// made, until when it counts, and how.
func (s *signing) timed(params []sfv.Param, now time.Time) bool {
	made := false
	for i := range params {
		p := &params[i]
		switch p.Key {
		case "created":
			if p.Kind != sfv.Integer || !s.near(time.Unix(p.Integer, 0), now) {
				return false
			}
			made = true
		case "expires":
			if p.Kind != sfv.Integer || !now.Before(time.Unix(p.Integer, 0)) {
				return false
			}
		case "alg":
			if !p.Is(hmacSHA256.name) {
				return false
			}
		case "nonce":
			if p.Kind != sfv.String {
				return false
			}
		}
	}
	return made
}

// enough says whether the components cover what the contract asks for.
func enough(covered []sfv.Item) bool {
	return covers(covered, "@method") && (covers(covered, "@target-uri") || covers(covered, "@path") && covers(covered, "@query"))
}

func covers(covered []sfv.Item, name string) bool {
	for i := range covered {
		if covered[i].Is(name) && len(covered[i].Params) == 0 {
			return true
		}
	}
	return false
}

// contentDigested holds the body against its Content-Digest (RFC 9530). It must
// be covered where there is a body, or one is required; every digest of a known
// kind must be right, and there must be one.
func (h *HMAC) contentDigested(a *Attempt, s *signing, sheet *sheet, covered []sfv.Item) bool {
	q := a.Request
	_, sent := q.Field(digestHeader)
	listed := covers(covered, "content-digest")
	if !listed && (s.digest || bodyHidden(q)) {
		return false
	}
	body, ok := a.Body(h.limit)
	if !ok || !listed && len(body) > 0 || bodyHidden(q) {
		return false
	}
	if sent == 0 {
		return true
	}
	sheet.digests.Reset()
	for i := range q.Fields {
		if f := &q.Fields[i]; f.Is(digestHeader) && sheet.digests.Read(f.Value) != nil {
			return false
		}
	}
	known := 0
	for i := range sheet.digests.Members {
		m := &sheet.digests.Members[i]
		var sum []byte
		switch m.Key {
		case "sha-256":
			sum256 := sha256.Sum256(body)
			sum = sum256[:]
		case "sha-512":
			sum512 := sha512.Sum512(body)
			sum = sum512[:]
		default:
			continue
		}
		if m.List || m.Items[0].Kind != sfv.Bytes || subtle.ConstantTimeCompare(sum, m.Items[0].Bytes) != 1 {
			return false
		}
		known++
	}
	return known > 0
}

// appendBase writes the signature base of a request (RFC 9421, 2.5); false: a
// component cannot be had, is named twice, or has parameters that are not known
// here. The parameters are written as they are canonically.
func appendBase(b []byte, q parts, input *sfv.Member) ([]byte, bool) {
	if len(input.Items) > mostSigned {
		return nil, false
	}
	for i := range input.Items {
		item := &input.Items[i]
		name, of, ok := component(item)
		for j := range i {
			other, otherOf, _ := component(&input.Items[j])
			ok = ok && (other != name || otherOf != of)
		}
		if !ok {
			return nil, false
		}
		b = append(item.Append(b), ": "...)
		if b, ok = appendComponent(b, &q, name, of); !ok {
			return nil, false
		}
		b = append(b, '\n')
	}
	b = append(b, `"@signature-params": `...)
	return input.AppendValue(b), true
}

// component reads what an item names, and of which parameter of the query.
func component(item *sfv.Item) (name, of string, ok bool) {
	switch {
	case item.Kind != sfv.String:
		return "", "", false
	case item.Text != "@query-param":
		return item.Text, "", len(item.Params) == 0
	case len(item.Params) != 1 || item.Params[0].Key != "name" || item.Params[0].Kind != sfv.String:
		return "", "", false
	}
	return item.Text, item.Params[0].Text, true
}

// parts are what of a request the components are made of.
type parts struct {
	*Request
	protocol, path, query string
	asked                 bool
}

func partsOf(q *Request, plain bool) parts {
	p := parts{Request: q, protocol: "https"}
	if plain {
		p.protocol = "http"
	}
	p.path, p.query, p.asked = asSent(q.Raw)
	return p
}

// appendComponent writes the value of a component.
func appendComponent(b []byte, q *parts, name, of string) ([]byte, bool) {
	switch name {
	case "@query-param":
		return appendQueryParam(b, q.query, of)
	case "@method":
		return append(b, q.Method...), true
	case "@authority":
		return appendAuthority(b, q.Host, q.protocol), true
	case "@scheme":
		return append(b, q.protocol...), true
	case "@request-target":
		return append(b, q.Raw...), true
	case "@target-uri":
		b = append(append(append(b, q.protocol...), "://"...), q.Host...)
		b = append(b, q.path...)
		if q.asked {
			b = append(append(b, '?'), q.query...)
		}
		return b, true
	case "@path":
		return append(b, q.path...), true
	case "@query":
		return append(append(b, '?'), q.query...), true
	case "host":
		return append(b, q.Host...), q.Host != ""
	}
	return appendFields(b, q.Request, name)
}

// appendFields writes the values of a header, all of its lines as one.
func appendFields(b []byte, q *Request, name string) ([]byte, bool) {
	if strings.ToLower(name) != name {
		return nil, false
	}
	found := false
	for i := range q.Fields {
		f := &q.Fields[i]
		if !f.Is(name) {
			continue
		}
		if found {
			b = append(b, ", "...)
		}
		b, found = append(b, f.Value...), true
	}
	return b, found
}

// appendAuthority writes the host in its normal form: lower case, without the
// port that is the protocol's own.
func appendAuthority(b []byte, host, protocol string) []byte {
	port := ":80"
	if protocol == "https" {
		port = ":443"
	}
	return appendLower(b, strings.TrimSuffix(host, port))
}

// appendQueryParam writes the one value that a parameter of the query has; false:
// it has none, or several. Names and values are those of a form, encoded anew.
func appendQueryParam(b []byte, query, wanted string) ([]byte, bool) {
	found := false
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if part == "" || string(appendEncoded(nil, strings.ReplaceAll(name, "+", "%20"), &ofForm)) != wanted {
			continue
		}
		if found {
			return nil, false
		}
		b, found = appendEncoded(b, strings.ReplaceAll(value, "+", "%20"), &ofForm), true
	}
	return b, found
}
