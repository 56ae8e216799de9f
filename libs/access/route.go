package access

import (
	"cmp"
	"slices"
	"strings"
)

// Route is a host and a path prefix that lead to a service. A service that
// writes the same host and prefix twice has one route with the methods of both;
// the first says whether the prefix is stripped.
type Route struct {
	address
	methods []string // empty: every one
	strip   bool
	service *Service
}

// address is where a route is found. The prefix has no trailing slash; "/" is
// written "".
type address struct{ host, prefix string }

// Service answers the service as it was when the route was found.
func (r *Route) Service() *Service { return r.service }

// Prefix answers the path prefix as the service wrote it, without a trailing
// slash; "/" for the root.
func (r *Route) Prefix() string { return cmp.Or(r.prefix, "/") }

// Allows says whether the route takes a method.
func (r *Route) Allows(method string) bool {
	return len(r.methods) == 0 || slices.Contains(r.methods, method)
}

// Methods answers what the route takes, for an Allow header; none: every one.
func (r *Route) Methods() []string { return r.methods }

// Forward answers the path that upstream is asked for.
func (r *Route) Forward(path string) string {
	if !r.strip {
		return path
	}
	if rest := strings.TrimPrefix(path, r.prefix); rest != "" {
		return rest
	}
	return "/"
}

// Route answers the route of a call: the longest prefix of the canonical path,
// on segment borders, among the routes of this very host; when there is none,
// among those of any host. host is as the call has it: a port, a trailing dot
// and the case of its letters make no difference. Only published and deprecated
// services are routed. It costs a look-up for each segment of the path that the
// longest prefix has, however many routes there are.
func (s *Snapshot) Route(host, path string) (*Route, bool) {
	if path == "" || path[0] != '/' {
		return nil, false
	}
	end := s.deepest(path)
	if host = bareHost(host); host != "" {
		if r := s.longest(host, path[:end]); r != nil {
			return r, true
		}
	}
	r := s.longest("", path[:end])
	return r, r != nil
}

// deepest cuts a path where no prefix can be longer, so that a path of a
// thousand segments is not looked up a thousand times.
func (s *Snapshot) deepest(path string) int {
	left := s.depth.Load()
	for i := range len(path) {
		if path[i] == '/' {
			if left < 1 {
				return i
			}
			left--
		}
	}
	return len(path)
}

func (s *Snapshot) longest(host, path string) *Route {
	hash := s.hash(host)
	for {
		a := address{host, path}
		if b := s.binding(mix(hash, s.hash(path)), a); b != nil {
			if found := *b.routes.Load(); len(found) > 0 {
				return found[0]
			}
		}
		if path == "" {
			return nil
		}
		path = path[:strings.LastIndexByte(path, '/')]
	}
}

// bareHost answers a host without port and trailing dot, in lower case.
func bareHost(host string) string {
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:colon]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// routesOf answers the routes of a service, while it has any.
func routesOf(v *Service) []*Route {
	if !v.routed() {
		return nil
	}
	var all []*Route
	for _, each := range v.Routes {
		if !strings.HasPrefix(each.PathPrefix, "/") {
			continue // it can match nothing
		}
		a := address{bareHost(each.Host), strings.TrimRight(each.PathPrefix, "/")}
		i := slices.IndexFunc(all, func(r *Route) bool { return r.address == a })
		switch {
		case i < 0:
			all = append(all, &Route{address: a, methods: slices.Clone(each.Methods), strip: each.StripPrefix, service: v})
		case len(all[i].methods) == 0 || len(each.Methods) == 0:
			all[i].methods = nil
		default:
			all[i].methods = append(all[i].methods, each.Methods...)
		}
	}
	return all
}
