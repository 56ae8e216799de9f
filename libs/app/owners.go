package app

import (
	"slices"
	"strings"
)

// owners is which service owns which path of the management address. The
// longest matching prefix counts; {} stands for one segment. The portal routes by
// it and owns what is not here.
var owners = []struct{ path, service string }{
	{"/v1/consumers", "consumer"},
	{"/v1/consumers/{}/credentials", "credential"},
	{"/v1/credentials", "credential"},
	{"/v1/signing-keys", "credential"},
	{"/oauth2", "credential"},
	{"/login", "credential"},
	{"/.well-known/oauth-authorization-server", "credential"},
	{"/.well-known/jwks.json", "credential"},
	{"/v1/services", "catalog"},
	{"/v1/subscriptions", "subscription"},
	{"/v1/approvals", "subscription"},
	{"/v1/operations/consumer", "consumer"},
	{"/v1/operations/credential", "credential"},
	{"/v1/operations/catalog", "catalog"},
	{"/v1/operations/subscription", "subscription"},
}

// Owner answers the service that owns a path, and whether one does.
func Owner(path string) (service string, owned bool) {
	best := 0
	for _, o := range owners {
		if covers(o.path, path) && len(o.path) > best {
			service, best = o.service, len(o.path)
		}
	}
	return service, best > 0
}

// Owners answers every service that owns a path, in order of name.
func Owners() []string {
	var all []string
	for _, o := range owners {
		all = append(all, o.service)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// covers says whether a prefix ends on a segment border of a path.
func covers(prefix, path string) bool {
	for prefix != "" {
		var want, have string
		want, prefix = segment(prefix)
		have, path = segment(path)
		if want != have && (want != "/{}" || len(have) < 2) {
			return false
		}
	}
	return true
}

// segment cuts "/a/b" into "/a" and "/b".
func segment(path string) (first, rest string) {
	if path == "" {
		return "", ""
	}
	if i := strings.IndexByte(path[1:], '/'); i >= 0 {
		return path[:i+1], path[i+1:]
	}
	return path, ""
}
