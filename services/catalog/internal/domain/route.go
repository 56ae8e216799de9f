package domain

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate-io/tidegate/events/catalog"
)

const (
	maxHost   = 253
	maxPrefix = 1024
	maxMethod = 32
)

var (
	hostPattern   = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)
	methodPattern = regexp.MustCompile(`^[A-Z0-9!#$%&'*+.^_|~-]+$`) // RFC 9110 token, upper case
)

// canonicalRoutes answers routes in the form in which gateways compare them.
// Two routes of one service never share a host and prefix: which of them a call
// means would be left open.
func canonicalRoutes(routes []catalog.Route) ([]catalog.Route, error) {
	if len(routes) > MaxRoutes {
		return nil, ErrInvalid.At("body.routes").Saying("A service has at most %d routes.", MaxRoutes)
	}
	canonical, seen := make([]catalog.Route, len(routes)), map[string]bool{}
	for i, r := range routes {
		at := fmt.Sprintf("body.routes[%d]", i)
		var err error
		if r.Host, err = canonicalHost(r.Host); err != nil {
			return nil, ErrInvalidRoute.At(at+".host").Saying("The host %s.", err)
		}
		if r.PathPrefix, err = CanonicalPrefix(r.PathPrefix); err != nil {
			return nil, ErrInvalidRoute.At(at+".path_prefix").Saying("The path prefix %s.", err)
		}
		if r.Methods, err = canonicalMethods(r.Methods); err != nil {
			return nil, ErrInvalidRoute.At(at+".methods").Saying("The methods %s.", err)
		}
		if seen[r.Host+r.PathPrefix] {
			return nil, ErrInvalidRoute.At(at).Saying("Two routes have the same host and path prefix.")
		}
		seen[r.Host+r.PathPrefix] = true
		canonical[i] = r
	}
	return canonical, nil
}

// canonicalHost answers a host name in lower case, without the root's dot. It
// has no port: gateways compare names alone.
func canonicalHost(host string) (string, error) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host != "" && (len(host) > maxHost || !hostPattern.MatchString(host)) {
		return "", errors.New("is a name without port or wildcard")
	}
	return host, nil
}

// CanonicalPrefix answers a path prefix as canonical paths begin (libs/access
// has their rules): characters that need no encoding are plain, all others are
// escapes in upper case; without a slash at its end. What a gateway would
// refuse in a path, resolve, or might take for something else, is an error here:
// also the reserved characters, which are the same plain and encoded to many
// servers.
func CanonicalPrefix(prefix string) (string, error) {
	if !strings.HasPrefix(prefix, "/") {
		return "", errors.New("begins with a slash")
	}
	if prefix == "/" {
		return prefix, nil
	}
	var canonical strings.Builder
	for _, segment := range strings.Split(strings.TrimSuffix(prefix, "/"), "/")[1:] {
		name, err := url.PathUnescape(segment)
		switch {
		case err != nil:
			return "", errors.New("has a broken percent-encoding")
		case name == "", name == ".", name == "..":
			return "", errors.New("has no dot segments and no repeated slashes")
		case strings.ContainsAny(segment, "?#"), strings.ContainsAny(name, `/\`+reserved):
			return "", errors.New(`has none of ?#\ and ` + reserved + ", and no encoded slash")
		case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
			return "", errors.New("is UTF-8 without control characters")
		}
		canonical.WriteByte('/')
		for _, c := range []byte(name) {
			if plain(c) {
				canonical.WriteByte(c)
			} else {
				fmt.Fprintf(&canonical, "%%%02X", c)
			}
		}
	}
	if canonical.Len() > maxPrefix {
		return "", fmt.Errorf("is at most %d bytes", maxPrefix)
	}
	return canonical.String(), nil
}

const reserved = "!$&'()*+,;=:@"

// plain says that a byte needs no encoding (RFC 3986, 2.3).
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// canonicalMethods answers methods in upper case, in order, each once. None
// means every method.
func canonicalMethods(methods []string) ([]string, error) {
	canonical := make([]string, len(methods))
	for i, m := range methods {
		canonical[i] = strings.ToUpper(m)
		if len(m) > maxMethod || !methodPattern.MatchString(canonical[i]) {
			return nil, errors.New("are names such as GET")
		}
	}
	slices.Sort(canonical)
	return slices.Compact(canonical), nil
}
