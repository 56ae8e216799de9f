package admin

import (
	"net/netip"

	"github.com/gofiber/fiber/v2"

	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
)

// describe reads the call from the headers of the proxy that asks, which is
// believed: about the method and the target, which it must tell, the host, the
// client's address, and whether there is a body. It answers false when that can be
// read in two ways: a client's own header may have come through beside the
// proxy's, and nobody can tell which is whose.
//
// Without X-Forwarded-Host the host is this request's own, and without
// X-Forwarded-For the client is who asks.
func describe(call *authz.Call, fields []header.Field, c *fiber.Ctx) bool {
	var method, uri, host, length string
	once := true
	take := func(what *string, f header.Field) {
		once = once && (*what == "" || f.Value == "" || *what == f.Value)
		if f.Value != "" {
			*what = f.Value
		}
	}
	if tcp, err := netip.ParseAddrPort(c.Context().RemoteAddr().String()); err == nil {
		call.Address = tcp.Addr().Unmap()
	}
	for _, f := range fields {
		switch {
		case f.Is("X-Forwarded-Method"), f.Is("X-Original-Method"):
			take(&method, f)
		case f.Is("X-Forwarded-Uri"), f.Is("X-Original-Uri"):
			take(&uri, f)
		case f.Is("X-Forwarded-Host"):
			take(&host, f)
		case f.Is("X-Original-Content-Length"):
			take(&length, f)
		case f.Is("X-Forwarded-For"):
			call.Address = lastOf(f.Value)
		default:
			call.Fields = append(call.Fields, f)
		}
	}
	call.Method, call.Raw, call.Host = method, uri, host
	if host == "" {
		call.Host = c.Get(fiber.HeaderHost)
	}
	if length != "" && length != "0" || length == "" && authz.HasBody(method) && len(c.Request().Header.Peek(fiber.HeaderContentLength)) == 0 {
		call.Fields = append(call.Fields, header.Field{Name: "Transfer-Encoding", Value: "chunked"}) // as a signature's verifier reads it
	}
	return once && header.Token(method) && uri != "" && call.Host != ""
}

// lastOf answers the address that the proxy which asks has seen itself: the last
// of the list. What comes before it the client may have made up.
func lastOf(list string) (last netip.Addr) {
	for member := range header.Tokens(list) {
		last, _ = netip.ParseAddr(member)
	}
	return last.Unmap()
}
