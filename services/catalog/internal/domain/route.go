package domain

import (
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
		return nil, ErrValue.At("body.routes").Saying("a service has at most %d routes", MaxRoutes)
	}
	canonical, seen := make([]catalog.Route, len(routes)), map[string]bool{}
	for i, r := range routes {
		at := fmt.Sprintf("body.routes[%d]", i)
		var err error
		if r.Host, err = canonicalHost(r.Host); err != nil {
			return nil, ErrRoute.At(at+".host").Saying("the host %s", err)
		}
		if r.PathPrefix, err = CanonicalPrefix(r.PathPrefix); err != nil {
			return nil, ErrRoute.At(at+".path_prefix").Saying("the path prefix %s", err)
		}
		if r.Methods, err = canonicalMethods(r.Methods); err != nil {
			return nil, ErrRoute.At(at+".methods").Saying("the methods %s", err)
		}
		if seen[r.Host+r.PathPrefix] {
			return nil, ErrRoute.At(at).Saying("two routes have the same host and path prefix")
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
		return "", fmt.Errorf("is not a host name (no port, no wildcard)")
	}
	return host, nil
}

// CanonicalPrefix answers a path prefix as the gateway's canonical paths begin:
// percent-decoded, without dot segments, repeated slashes or a slash at its
// end. What a gateway would refuse in a path, or take for something else, is an
// error here.
func CanonicalPrefix(prefix string) (string, error) {
	if !strings.HasPrefix(prefix, "/") {
		return "", fmt.Errorf("begins with a slash")
	}
	if strings.ContainsAny(prefix, "?#\\") {
		return "", fmt.Errorf("is a path: no query, no fragment, no backslash")
	}
	path, err := url.PathUnescape(prefix)
	if err != nil {
		return "", fmt.Errorf("has a bad percent-encoding")
	}
	lower := strings.ToLower(prefix)
	if strings.Contains(lower, "%2f") || strings.Contains(lower, "%5c") || strings.Contains(lower, "%25") {
		return "", fmt.Errorf("has an encoded slash, backslash or percent sign")
	}
	if !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
		return "", fmt.Errorf("is UTF-8 without control characters")
	}
	if len(path) > maxPrefix {
		return "", fmt.Errorf("is at most %d bytes", maxPrefix)
	}
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	for _, segment := range strings.Split(path, "/")[1:] {
		if segment == "." || segment == ".." || segment == "" && path != "/" {
			return "", fmt.Errorf("has no dot segments and no repeated slashes")
		}
	}
	return path, nil
}

// canonicalMethods answers methods in upper case, in order, each once. None
// means every method.
func canonicalMethods(methods []string) ([]string, error) {
	canonical := make([]string, len(methods))
	for i, m := range methods {
		canonical[i] = strings.ToUpper(m)
		if len(m) > maxMethod || !methodPattern.MatchString(canonical[i]) {
			return nil, fmt.Errorf("are names such as GET")
		}
	}
	slices.Sort(canonical)
	return slices.Compact(canonical), nil
}
