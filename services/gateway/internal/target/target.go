// Package target reads the request target: which host, which path, which query.
//
// It is read once; the canonical path that comes out is the one that is routed,
// checked and forwarded.
package target

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidegate-io/tidegate/libs/access"
)

// Err: the request has no target that could be forwarded. It is answered with
// 400 bad_request_target.
var Err = errors.New("bad request target")

// Target is where a request wants to go.
type Target struct {
	// Host is the name alone, in lower case, for routing.
	Host string
	// Authority is the host as it was sent, with its port.
	Authority string
	// Path is canonical.
	Path string
	// Query is what follows the "?", byte for byte. Asked tells "/a?" from "/a".
	Query string
	Asked bool
}

// Parse reads a request target in origin form ("/a?b") or absolute form
// ("http://host/a?b", whose host counts before the Host header's). A proxy's
// forms ("host:443", "*") go nowhere. Parts of the answer alias raw and host.
// Errors wrap Err.
func Parse(raw, host string) (Target, error) {
	if raw == "" || strings.IndexByte(raw, '#') >= 0 {
		return Target{}, fmt.Errorf("%w: a fragment", Err)
	}
	t := Target{Authority: host}
	if raw[0] != '/' {
		var err error
		if t.Authority, raw, err = absolute(raw); err != nil {
			return Target{}, err
		}
	}
	var path string
	path, t.Query, t.Asked = strings.Cut(raw, "?")
	var err error
	if t.Path, err = access.CanonicalPath(path); err != nil {
		return Target{}, fmt.Errorf("%w: %w", Err, err)
	}
	if t.Host, err = name(t.Authority); err != nil {
		return Target{}, err
	}
	return t, nil
}

// Append writes the target as upstream gets it.
func (t Target) Append(dst []byte, path string) []byte {
	dst = append(dst, path...)
	if t.Asked {
		dst = append(dst, '?')
		dst = append(dst, t.Query...)
	}
	return dst
}

// absolute cuts "http://host/a?b" into "host" and "/a?b".
func absolute(raw string) (authority, rest string, err error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", "", fmt.Errorf("%w: neither a path nor an http address", Err)
	}
	end := strings.IndexAny(rest, "/?")
	switch {
	case end < 0:
		return rest, "/", nil
	case rest[end] == '?':
		return rest[:end], "/" + rest[end:], nil
	default:
		return rest[:end], rest[end:], nil
	}
}

// name takes the port, a final dot and capitals off an authority.
func name(authority string) (string, error) {
	for i := range len(authority) {
		switch c := authority[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~:[]", c) >= 0:
		default:
			return "", fmt.Errorf("%w: a character that no host name holds", Err)
		}
	}
	host := authority
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && strings.IndexByte(host[colon:], ']') < 0 {
		host = host[:colon]
		if strings.IndexByte(host, ':') >= 0 && host[0] != '[' {
			return "", fmt.Errorf("%w: a host with two ports", Err)
		}
	}
	return strings.ToLower(strings.TrimSuffix(host, ".")), nil
}
