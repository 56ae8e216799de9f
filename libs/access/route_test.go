package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/access"
)

// routed answers a snapshot of published services by id, with their routes.
func routed(services ...fact) *access.Snapshot {
	var facts []fact
	for _, v := range services {
		facts = append(facts, v, fact{v.id, catalog.Published{}})
	}
	return fold(log(facts...))
}

func service(id string, routes ...catalog.Route) fact {
	return drafted(func(d *catalog.Drafted) { d.ServiceID, d.Routes = id, routes })
}

func to(s *access.Snapshot, host, path string) string {
	r, ok := s.Route(host, path)
	if !ok {
		return ""
	}
	return r.Service().ID
}

func TestRoutes(t *testing.T) {
	s := routed(
		service("root", catalog.Route{PathPrefix: "/"}),
		service("pets", catalog.Route{PathPrefix: "/pets"}, catalog.Route{PathPrefix: "/animals/"}),
		service("cats", catalog.Route{PathPrefix: "/pets/cats"}),
		service("hosted", catalog.Route{Host: "API.example.org", PathPrefix: "/pets"}),
		service("wrong", catalog.Route{PathPrefix: "relative"}, catalog.Route{PathPrefix: ""}),
	)
	for _, c := range []struct{ what, host, path, want string }{
		{"the prefix itself matches", "", "/pets", "pets"},
		{"what is below it matches", "", "/pets/1/toys", "pets"},
		{"a trailing slash matches", "", "/pets/", "pets"},
		{"a longer prefix wins", "", "/pets/cats/7", "cats"},
		{"a segment that only begins alike does not match", "", "/petshop", "root"},
		{"a segment below that only begins alike does not match", "", "/pets/catsup", "pets"},
		{"a prefix written with a slash matches without", "", "/animals", "pets"},
		{"the root takes the rest", "", "/", "root"},
		{"case matters in paths", "", "/Pets", "root"},
		{"the very host wins", "api.example.org", "/pets", "hosted"},
		{"case, port and final dot of a host do not matter", "Api.Example.ORG.:8000", "/pets", "hosted"},
		{"the very host wins over a longer prefix of any host", "api.example.org", "/pets/cats", "hosted"},
		{"what the very host lacks is found at any host", "api.example.org", "/animals", "pets"},
		{"another host is any host", "www.example.org", "/pets", "pets"},
		{"an IPv6 host is not cut", "[::1]", "/pets", "pets"},
		{"an asterisk is no path", "", "*", ""},
		{"an empty path is none", "", "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := to(s, c.host, c.path); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
		})
	}
	t.Run("a path of a hundred thousand segments is looked up no deeper than the longest prefix", func(t *testing.T) {
		if got := to(s, "", strings.Repeat("/pets", 100_000)); got != "pets" {
			t.Fatalf("got %q", got)
		}
		if got := to(routed(service("deep", catalog.Route{PathPrefix: "/a/b/c"})), "", "/a/b"); got != "" {
			t.Fatalf("got %q", got)
		}
	})
	t.Run("finding one allocates nothing", func(t *testing.T) {
		if n := testing.AllocsPerRun(100, func() { s.Route("api.example.org:8000", "/pets/cats/1") }); n != 0 {
			t.Fatalf("%v allocations", n)
		}
	})
}

func TestARouteForwards(t *testing.T) {
	s := routed(service("pets",
		catalog.Route{PathPrefix: "/strip", StripPrefix: true}, catalog.Route{PathPrefix: "/keep"},
		catalog.Route{PathPrefix: "/", StripPrefix: true},
	))
	for path, want := range map[string]string{
		"/strip": "/", "/strip/": "/", "/strip/a/b": "/a/b", "/keep/a": "/keep/a", "/keep": "/keep", "/": "/", "/x": "/x",
	} {
		r, ok := s.Route("", path)
		if !ok || r.Forward(path) != want {
			t.Errorf("%s is forwarded as %q", path, r.Forward(path))
		}
	}
}

func TestARouteAllowsMethods(t *testing.T) {
	s := routed(service("pets",
		catalog.Route{PathPrefix: "/all"}, catalog.Route{PathPrefix: "/some", Methods: []string{"GET", "POST"}},
		catalog.Route{PathPrefix: "/twice", Methods: []string{"GET"}}, catalog.Route{PathPrefix: "/twice", Methods: []string{"PUT"}},
		catalog.Route{PathPrefix: "/once", Methods: []string{"GET"}}, catalog.Route{PathPrefix: "/once"},
	))
	for _, c := range []struct {
		path, method string
		want         bool
	}{
		{"/all", "BREW", true}, {"/some", "GET", true}, {"/some", "get", false}, {"/some", "DELETE", false},
		{"/twice", "GET", true}, {"/twice", "PUT", true}, {"/twice", "POST", false}, {"/once", "PUT", true},
	} {
		if r, ok := s.Route("", c.path); !ok || r.Allows(c.method) != c.want {
			t.Errorf("%s %s: %v", c.method, c.path, !c.want)
		}
	}
	if r, _ := s.Route("", "/some"); !slices.Equal(r.Methods(), []string{"GET", "POST"}) || r.Prefix() != "/some" {
		t.Errorf("%v %s", r.Methods(), r.Prefix())
	}
}

func TestRoutesFollowTheirService(t *testing.T) {
	facts := []fact{service("pets", catalog.Route{PathPrefix: "/a"})}
	step := func(want string, data events.Data) {
		t.Helper()
		if data != nil {
			facts = append(facts, fact{"pets", data})
		}
		s := fold(log(facts...))
		var got []string
		for _, path := range []string{"/a", "/b"} {
			if to(s, "", path) != "" {
				got = append(got, path)
			}
		}
		if strings.Join(got, " ") != want {
			t.Fatalf("after %T: routed at %v, want %s", data, got, want)
		}
	}
	step("", nil)
	step("/a", catalog.Published{})
	step("/a /b", catalog.Updated{Routes: &events.Change[[]catalog.Route]{After: []catalog.Route{{PathPrefix: "/a"}, {PathPrefix: "/b"}}}})
	step("/b", catalog.Updated{Routes: &events.Change[[]catalog.Route]{After: []catalog.Route{{PathPrefix: "/b"}}}})
	step("/b", catalog.Deprecated{SunsetAt: in(0)})
	step("", catalog.Unpublished{})
	step("/b", catalog.Published{})
	step("", catalog.Retired{})
	step("", catalog.Published{})
}

func TestARouteHoldsItsServiceAsItIsNow(t *testing.T) {
	all := log(drafted(), published(), fact{"petstore", catalog.Deprecated{SunsetAt: in(0)}})
	s := fold(all[:2])
	before, _ := s.Route("", "/petstore")
	s.Apply(all[2].Envelope, all[2].data)
	after, _ := s.Route("", "/petstore")
	if before.Service().SunsetAt != nil || !after.Service().SunsetAt.Equal(noon) || after.Service().Status != access.ServiceDeprecated {
		t.Fatal("not the state of its moment")
	}
}

func TestTwoServicesAtOneAddress(t *testing.T) {
	a, b := service("a", catalog.Route{PathPrefix: "/x"}), service("b", catalog.Route{PathPrefix: "/x"})
	all := log(a, b, fact{"b", catalog.Published{}}, fact{"a", catalog.Published{}}, fact{"b", catalog.Updated{}}, fact{"b", catalog.Retired{}})
	s := fold(all[:4])
	if got := to(s, "", "/x"); got != "b" {
		t.Fatalf("the first that was routed is in force, got %q", got)
	}
	s.Apply(all[4].Envelope, nil)
	if got := to(s, "", "/x"); got != "a" {
		t.Fatalf("one that can be read goes before one that cannot, got %q", got)
	}
	s.Apply(all[4].Envelope, all[4].data)
	if got := to(s, "", "/x"); got != "b" {
		t.Fatalf("healed, got %q", got)
	}
	s.Apply(all[5].Envelope, all[5].data)
	if got := to(s, "", "/x"); got != "a" {
		t.Fatalf("the other is in force when the first is gone, got %q", got)
	}
}

// The table must find what looking at every route finds.
func FuzzRoute(f *testing.F) {
	f.Add("/pets /pets/cats /", "/pets/cats/1")
	f.Add("/a/b/c //  /a", "/a/b//c")
	f.Add("/%2F /.. /a%20b", "/a%20b/../%2F")
	f.Fuzz(func(t *testing.T, prefixes, path string) {
		var services []fact
		best, length := "", -1
		for i, prefix := range strings.Fields(prefixes) {
			id := fmt.Sprintf("s%04d", i)
			services = append(services, service(id, catalog.Route{PathPrefix: prefix}))
			bare := strings.TrimRight(prefix, "/")
			under := strings.HasPrefix(path, "/") && (path == bare || strings.HasPrefix(path, bare+"/"))
			if strings.HasPrefix(prefix, "/") && under && len(bare) > length {
				best, length = id, len(bare)
			}
		}
		s := routed(services...)
		if got := to(s, "", path); got != best {
			t.Fatalf("%q among %q: got %q, want %q", path, prefixes, got, best)
		}
		if r, ok := s.Route("", path); ok && !strings.HasPrefix(r.Forward(path), "/") {
			t.Fatalf("%q is forwarded as %q", path, r.Forward(path))
		}
	})
}
