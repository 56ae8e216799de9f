package header

import (
	"iter"
	"strings"
)

// The headers that the gateway writes for the upstream service, once each.
const (
	ConsumerID       = "X-Consumer-Id"
	ConsumerUsername = "X-Consumer-Username"
	ConsumerCustomID = "X-Consumer-Custom-Id"
	CredentialID     = "X-Credential-Identifier"
	SubscriptionID   = "X-Subscription-Id"
	TokenScopes      = "X-Token-Scopes"
	ForwardedFor     = "X-Forwarded-For"
	ForwardedProto   = "X-Forwarded-Proto"
	ForwardedHost    = "X-Forwarded-Host"
	RequestID        = "X-Request-Id"
)

// ours are names that a client may not send: what the gateway itself says of the
// caller and of the call, what others are believed to say in its place, and what
// some servers take for the real path. Names are lower case with "-" for "_" and
// ".", for many servers do not tell these apart.
var (
	ours = map[string]bool{
		"x-request-id": true, "forwarded": true, "x-real-ip": true, "x-client-ip": true,
		"x-original-url": true, "x-original-uri": true, "x-original-method": true, "x-rewrite-url": true,
		"x-anonymous-consumer": true, "x-token-scopes": true,
	}
	ourFamilies = []string{"x-consumer-", "x-credential-", "x-subscription-", "x-forwarded-"}
)

// Ours says whether only the gateway may send a name upstream, in any spelling.
func Ours(name string) bool {
	if len(name) < len("forwarded") || len(name) > 64 || name[0]|0x20 != 'x' && name[0]|0x20 != 'f' {
		return false
	}
	var memory [64]byte
	folded := memory[:len(name)]
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_' || c == '.':
			folded[i] = '-'
		case c >= 'A' && c <= 'Z':
			folded[i] = c | 0x20
		default:
			folded[i] = c
		}
	}
	if ours[string(folded)] {
		return true
	}
	for _, family := range ourFamilies {
		if len(folded) >= len(family) && string(folded[:len(family)]) == family {
			return true
		}
	}
	return false
}

// hop are the headers that concern one connection alone, and those by which a
// message is framed; they are made anew on each side.
var hop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info",
	"TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Content-Length",
}

// Hop says whether a header never crosses the gateway, in either direction.
func Hop(name string) bool {
	for _, h := range hop {
		if len(h) == len(name) && strings.EqualFold(h, name) {
			return true
		}
	}
	return false
}

// Tokens answers the members of a comma-separated list.
func Tokens(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for member := range strings.SplitSeq(list, ",") {
			if member = strings.Trim(member, " \t"); member != "" && !yield(member) {
				return
			}
		}
	}
}

// Has says whether a comma-separated list has a member, ignoring case.
func Has(list, member string) bool {
	for m := range Tokens(list) {
		if strings.EqualFold(m, member) {
			return true
		}
	}
	return false
}

// Crosses says whether a client's header goes upstream. connection is what its
// Connection headers nominate as meant for this connection alone.
func Crosses(name string, connection Nominated) bool {
	return !Hop(name) && !Ours(name) && !strings.EqualFold(name, "Host") && !strings.EqualFold(name, "Expect") && !connection.Has(name)
}

// Nominated are the values of a message's Connection headers.
type Nominated []string

// Nominate appends the Connection headers among fields.
func Nominate(dst Nominated, fields []Field) Nominated {
	for _, f := range fields {
		if f.Is("Connection") {
			dst = append(dst, f.Value)
		}
	}
	return dst
}

// Has says whether a name is nominated.
func (n Nominated) Has(name string) bool {
	for _, list := range n {
		if Has(list, name) {
			return true
		}
	}
	return false
}
