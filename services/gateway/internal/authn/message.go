package authn

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
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
// must be a dictionary by itself; a label of ours must be there once, in
// Signature and in Signature-Input. Labels that name no credential are others'.
func (h *HMAC) message(a *Attempt, hit *Hit) {
	signatures, err := sfv.Dictionary(hit.Value)
	if err != nil || len(signatures) > mostLabels {
		return
	}
	for _, m := range signatures {
		if signature, ok := m.Items[0].Value.([]byte); ok && !m.List {
			h.labelled(a, hit, m.Key, signature)
		}
	}
}

func (h *HMAC) labelled(a *Attempt, hit *Hit, label string, signature []byte) {
	q := a.Request
	input, ok := memberOf(q, inputHeader, label)
	if _, once := memberOf(q, signatureHeader.Name, label); !ok || !once || !input.List {
		return
	}
	keyID, _ := sfv.Find(input.Params, "keyid")
	name, ok := keyID.(string)
	if !ok {
		return
	}
	c, s := h.find(a, hit, name, schemeRFC9421)
	if c == nil || !s.allows(hmacSHA256, false) || !sameHost(q) || !s.timed(input.Params, q.At) || !enough(input.Items) {
		return
	}
	sheet := sheets.Get().(*sheet)
	defer sheets.Put(sheet)
	version := 0
	for _, protocol := range []string{"https", "http"} { // TLS may have ended before the gateway
		base, ok := appendBase(sheet.b[:0], q, protocol, input)
		if !ok {
			return
		}
		sheet.b = base
		if version = sheet.signedBy(a, c, hmacSHA256, base, signature); version > 0 {
			break
		}
	}
	if version == 0 || !h.contentDigested(a, s, input.Items) {
		return
	}
	key := signatureKey(c.ID, signature)
	if nonce, ok := sfv.Find(input.Params, "nonce"); ok {
		key = nonceKey(c.ID, nonce.(string))
	}
	h.accept(a, hit, c, s, version, key)
	hit.labels = append(hit.labels, label)
}

// memberOf answers the member of a dictionary that may have several lines; false:
// it is not there, or twice, or a line cannot be read.
func memberOf(q *Request, name, key string) (found sfv.Member, ok bool) {
	for _, f := range q.Fields {
		if !f.Is(name) {
			continue
		}
		members, err := sfv.Dictionary(f.Value)
		if err != nil {
			return sfv.Member{}, false
		}
		for _, m := range members {
			if m.Key != key {
				continue
			}
			if ok {
				return sfv.Member{}, false
			}
			found, ok = m, true
		}
	}
	return found, ok
}

// timed judges the parameters that are not components: when the signature was
// made, until when it counts, and how.
func (s *signing) timed(params []sfv.Param, now time.Time) bool {
	made := false
	for _, p := range params {
		switch p.Key {
		case "created":
			at, ok := p.Value.(int64)
			if !ok || !s.near(time.Unix(at, 0), now) {
				return false
			}
			made = true
		case "expires":
			at, ok := p.Value.(int64)
			if !ok || !now.Before(time.Unix(at, 0)) {
				return false
			}
		case "alg":
			if p.Value != hmacSHA256 {
				return false
			}
		case "nonce":
			if _, ok := p.Value.(string); !ok {
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
	for _, item := range covered {
		if item.Value == name && len(item.Params) == 0 {
			return true
		}
	}
	return false
}

// contentDigested holds the body against its Content-Digest (RFC 9530). It must
// be covered where there is a body, or one is required; every digest of a known
// kind must be right, and there must be one.
func (h *HMAC) contentDigested(a *Attempt, s *signing, covered []sfv.Item) bool {
	q := a.Request
	_, sent := q.Field(digestHeader)
	listed := covers(covered, strings.ToLower(digestHeader))
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
	known := 0
	for kind, size := range digests {
		m, ok := memberOf(q, digestHeader, kind)
		if !ok {
			continue
		}
		want, is := m.Items[0].Value.([]byte)
		if m.List || !is || len(want) != size {
			return false
		}
		var sum []byte
		if size == sha256.Size {
			sum256 := sha256.Sum256(body)
			sum = sum256[:]
		} else {
			sum512 := sha512.Sum512(body)
			sum = sum512[:]
		}
		if subtle.ConstantTimeCompare(sum, want) != 1 {
			return false
		}
		known++
	}
	return known > 0
}

// digests are the kinds that are known, and their sizes.
var digests = map[string]int{"sha-256": sha256.Size, "sha-512": sha512.Size}

// appendBase writes the signature base of a request (RFC 9421, 2.5); false: a
// component cannot be had, is named twice, or has parameters that are not known
// here. The parameters are written as they are canonically.
func appendBase(b []byte, q *Request, protocol string, input sfv.Member) ([]byte, bool) {
	if len(input.Items) > mostSigned {
		return nil, false
	}
	for i, item := range input.Items {
		name, of, ok := component(item)
		for _, before := range input.Items[:i] {
			other, otherOf, _ := component(before)
			ok = ok && (other != name || otherOf != of)
		}
		if !ok {
			return nil, false
		}
		b = append(item.Append(b), ": "...)
		if b, ok = appendComponent(b, q, protocol, name, of); !ok {
			return nil, false
		}
		b = append(b, '\n')
	}
	b = append(b, `"@signature-params": `...)
	return input.AppendValue(b), true
}

// component reads what an item names, and of which parameter of the query.
func component(item sfv.Item) (name, of string, ok bool) {
	name, ok = item.Value.(string)
	switch {
	case !ok:
		return "", "", false
	case name != "@query-param":
		return name, "", len(item.Params) == 0
	case len(item.Params) != 1 || item.Params[0].Key != "name":
		return "", "", false
	}
	of, ok = item.Params[0].Value.(string)
	return name, of, ok
}

// appendComponent writes the value of a component.
func appendComponent(b []byte, q *Request, protocol, name, of string) ([]byte, bool) {
	path, query, asked := asSent(q.Raw)
	switch name {
	case "@query-param":
		return appendQueryParam(b, query, of)
	case "@method":
		return append(b, q.Method...), true
	case "@authority":
		return appendAuthority(b, q.Host, protocol), true
	case "@scheme":
		return append(b, protocol...), true
	case "@request-target":
		return append(b, q.Raw...), true
	case "@target-uri":
		b = append(append(append(b, protocol...), "://"...), q.Host...)
		b = append(b, path...)
		if asked {
			b = append(append(b, '?'), query...)
		}
		return b, true
	case "@path":
		return append(b, path...), true
	case "@query":
		return append(append(b, '?'), query...), true
	}
	return appendFields(b, q, name)
}

// appendFields writes the values of a header, all of its lines as one.
func appendFields(b []byte, q *Request, name string) ([]byte, bool) {
	if !header.Token(name) || strings.ToLower(name) != name || name[0] == '@' {
		return nil, false
	}
	if name == "host" {
		return append(b, q.Host...), q.Host != ""
	}
	found := false
	for _, f := range q.Fields {
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
