package proxy

import (
	"strconv"

	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/tracing"
	"github.com/tidegate-io/tidegate/services/gateway/internal/upstream"
)

// writeHead makes the head of the request to upstream: the client's headers as
// they came, byte for byte, without what must not cross; then ours, once each.
//
// Host is the upstream address's own, so that virtual hosts behind the gateway
// work; the client's is in X-Forwarded-Host.
func (x *exchange) writeHead(to upstream.Address, length int, upgrade string) []byte {
	c := &x.call
	query, asked := c.Target.Query, c.Target.Asked
	hidden := x.hidden()
	if len(hidden) > 0 && asked {
		query = hidden.Query(query)
		asked = query != "" || c.Target.Query == ""
	}
	b := append(x.head[:0], c.Method...)
	b = append(b, ' ')
	b = append(b, to.Base...)
	b = append(b, c.Route.Forward(c.Target.Path)...)
	if asked {
		b = append(append(b, '?'), query...)
	}
	b = line(append(b, " HTTP/1.1\r\n"...), "Host", to.Host)

	for i, f := range c.Fields {
		if !header.Crosses(f.Name, x.nominated) || x.spans.On() && tracing.IsParent(f) {
			continue
		}
		value, keep := f.Value, true
		if len(hidden) > 0 {
			value, keep = hidden.Field(i, f)
		}
		if keep {
			b = line(b, f.Name, value)
		}
	}
	c.IdentityHeaders(func(name, value string) { b = line(b, name, value) })
	b = line(b, header.ForwardedFor, c.Address.String())
	b = line(b, header.ForwardedProto, "http")
	b = line(b, header.ForwardedHost, c.Target.Authority)
	b = line(b, header.RequestID, x.requestID)
	b = x.spans.AppendHeaders(b)

	switch {
	case upgrade != "":
		b = line(line(b, "Connection", "Upgrade"), "Upgrade", upgrade)
	case length > 0 || length == 0 && bodyExpected(c.Method):
		b = strconv.AppendInt(append(b, "Content-Length: "...), int64(length), 10)
		b = append(b, "\r\n"...)
	case length < 0:
		b = line(b, "Transfer-Encoding", "chunked")
		for _, name := range x.ctx.Request.Header.PeekTrailerKeys() {
			if header.Crosses(text(name), x.nominated) {
				b = line(b, "Trailer", text(name))
			}
		}
	}
	x.head = append(b, "\r\n"...)
	return x.head
}

// appendTrailers writes the trailers that the client announced and sent.
func (x *exchange) appendTrailers(b []byte) []byte {
	for _, name := range x.ctx.Request.Header.PeekTrailerKeys() {
		if value := x.ctx.Request.Header.PeekBytes(name); value != nil && header.Crosses(text(name), x.nominated) {
			b = line(b, text(name), text(value))
		}
	}
	return append(b, "\r\n"...)
}

func line(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// bodyExpected says that a message without a body says so (RFC 9110, 8.6).
func bodyExpected(method string) bool {
	return method == "POST" || method == "PUT" || method == "PATCH"
}

// hidden answers what of the credential is to be taken out.
func (x *exchange) hidden() authn.Hidden {
	if !x.call.Decision.Credential.Hide {
		return nil
	}
	return authn.Hidden(x.call.Identity.Hits())
}
