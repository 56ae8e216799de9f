package extauthz

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
)

// describe reads a call from what Envoy says of it; false: it can be read in more
// than one way, or is not HTTP.
func describe(call *authz.Call, of *auth.AttributeContext) bool {
	q := of.GetRequest().GetHttp()
	if q.GetMethod() == "" || q.GetHost() == "" || !header.Token(q.GetMethod()) {
		return false
	}
	call.Method, call.Host, call.Raw = q.GetMethod(), q.GetHost(), q.GetPath()
	if q.GetQuery() != "" && !strings.Contains(call.Raw, "?") {
		call.Raw += "?" + q.GetQuery()
	}
	if q.GetFragment() != "" {
		call.Raw += "#" + q.GetFragment()
	}
	call.Address = addressOf(of.GetSource().GetAddress())
	fields, ok := fieldsOf(q)
	if !ok {
		return false
	}
	call.Fields = fields
	var hidden bool
	if call.Body, hidden, ok = bodyOf(call, q); hidden { // said in the way that a signature's verifier reads it
		call.Fields = append(call.Fields, header.Field{Name: "Transfer-Encoding", Value: "chunked"})
	}
	return ok
}

// addressOf answers the client's address as Envoy sees it, which is after its own
// trusted hops.
func addressOf(a *core.Address) netip.Addr {
	address, err := netip.ParseAddr(a.GetSocketAddress().GetAddress())
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap()
}

// fieldsOf answers the header lines. Envoy gives each by itself with
// encode_raw_headers, and otherwise those of one name as one; then their order is
// not known.
func fieldsOf(q *auth.AttributeContext_HttpRequest) (fields []header.Field, ok bool) {
	add := func(name, value string) {
		if strings.HasPrefix(name, ":") { // HTTP/2's spelling of the request line
			return
		}
		value = strings.Trim(value, " \t")
		fields = append(fields, header.Field{Name: name, Value: value})
		ok = ok && header.Token(name) && header.Clean(value)
	}
	ok = true
	if lines := q.GetHeaderMap().GetHeaders(); len(lines) > 0 {
		for _, l := range lines {
			if value := l.GetRawValue(); len(value) > 0 {
				add(l.GetKey(), string(value))
			} else {
				add(l.GetKey(), l.GetValue())
			}
		}
		return fields, ok
	}
	for name, value := range q.GetHeaders() {
		add(name, value)
	}
	slices.SortFunc(fields, func(a, b header.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields, ok
}

// sent is a body that Envoy sent with its question.
type sent []byte

var _ authn.Body = sent(nil)

// Whole is authn.Body's.
func (b sent) Whole(limit int) ([]byte, error) {
	if len(b) > limit {
		return nil, authn.ErrBodyTooLarge
	}
	return b, nil
}

// partial is a body that Envoy sent the beginning of.
type partial struct{}

// Whole is authn.Body's.
func (partial) Whole(int) ([]byte, error) { return nil, authn.ErrBodyTooLarge }

// bodyOf answers the call's body: what was sent; the beginning of one; none, when
// there is none; or nil: there is one that only Envoy sees, and no signature over
// it counts.
//
// A message of HTTP/2 need not announce its body (hidden): what usually has one
// and announces none is taken to have one.
func bodyOf(call *authz.Call, q *auth.AttributeContext_HttpRequest) (body authn.Body, hidden, ok bool) {
	content := q.GetRawBody()
	if len(content) == 0 {
		content = []byte(q.GetBody())
	}
	length, announced := -1, false
	for _, f := range call.Fields {
		switch {
		case f.Is("Content-Length"):
			n, err := strconv.Atoi(f.Value)
			if err != nil || n < 0 || length >= 0 && n != length {
				return nil, false, false
			}
			length = n
		case f.Is("Transfer-Encoding"):
			announced = true
		}
	}
	switch {
	case len(content) > 0 && (length > len(content) || length < 0 && told(call.Fields)):
		return partial{}, false, true
	case len(content) > 0 && length >= 0 && length < len(content):
		return nil, false, false
	case len(content) > 0:
		return sent(content), false, true
	case length > 0, announced:
		return nil, false, true
	case length < 0 && !strings.HasPrefix(q.GetProtocol(), "HTTP/1") && authz.HasBody(call.Method):
		return nil, true, true
	}
	return sent(nil), false, true
}

// told says that Envoy itself says that it sent the beginning alone.
func told(fields []header.Field) bool {
	for _, f := range fields {
		if f.Is("X-Envoy-Auth-Partial-Body") && !strings.EqualFold(f.Value, "false") {
			return true
		}
	}
	return false
}
