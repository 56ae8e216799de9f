// Package distributed proves that Tidegate works as many processes: the services
// of docker-compose.yml with their settings, on a real Postgres and a NATS
// cluster of three, are driven, killed and cut off, and must keep every promise.
package distributed_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es/pgstore/pgtest"
)

// nodes is how many NATS servers there are.
const nodes = 3

// topology is a running Tidegate of many processes.
type topology struct {
	t        testing.TB
	compose  composition
	nats     *bustest.Cluster
	postgres *pgtest.Server
	database string // URL
	upstream *httptest.Server
	admin    string // token

	programs  string // folder
	processes []*process
	of        map[string][]*process // by program: "gateway" has two
	data      map[*process]string   // gateways' base URLs, where calls go
	portalDir string
}

// start starts everything that docker-compose.yml describes, and returns once
// every process is ready.
func start(t testing.TB) *topology {
	t.Helper()
	s := &topology{t: t, compose: readComposition(t), programs: t.TempDir(), of: map[string][]*process{}, data: map[*process]string{}}
	s.build()
	s.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Header.Get("X-Consumer-Id")))
	}))
	t.Cleanup(s.upstream.Close)
	s.postgres = pgtest.New(t)
	s.database = s.postgres.Database(t)
	s.nats = bustest.NewCluster(t, nodes)
	s.lay()
	t.Cleanup(func() {
		for _, p := range s.processes {
			p.kill()
			if t.Failed() {
				p.show()
			}
		}
	})
	for _, p := range s.processes {
		p.start()
	}
	for _, p := range s.processes {
		p.await()
	}
	s.admin = journey.Tokens(t, s.portalDir)("admin", []string{"admin"}, nil)
	s.settle()
	return s
}

// build builds the program of every image.
func (s *topology) build() {
	s.t.Helper()
	arguments := []string{"build", "-o", s.programs + "/"}
	var packages []string
	for _, c := range s.compose.Services {
		if c.source() != "" {
			packages = append(packages, c.pkg())
		}
	}
	slices.Sort(packages)
	build := exec.CommandContext(s.t.Context(), "go", append(arguments, slices.Compact(packages)...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("build the programs: %v\n%s", err, output)
	}
}

// lay gives every replica its addresses, folders and environment.
func (s *topology) lay() {
	s.t.Helper()
	secrets := s.secrets()
	keyring := filepath.Join(s.t.TempDir(), "keyring.json")
	s.tidegate(strings.NewReplacer("/data/keyring.json", keyring).Replace(strings.Join(s.compose.Services["keys"].Command, " ")))

	addresses := map[string][]string{} // of the management APIs, by name in compose
	for _, name := range s.compose.long() {
		for range s.replicas(name) {
			addresses[name] = append(addresses[name], bustest.FreeAddress(s.t))
		}
	}
	where := []string{"postgres://tidegate:" + secrets["POSTGRES_PASSWORD"] + "@postgres:5432/tidegate", s.database, "/keys/keyring.json", keyring}
	for i := range nodes {
		node, _ := url.Parse(s.nats.NodeURL(i, "reader"))
		where = append(where, "nats-"+strconv.Itoa(i+1)+":4222", node.Host)
	}
	for name, replicas := range addresses {
		where = append(where, "http://"+name+":8080/.well-known", "http://"+replicas[0]+"/.well-known", "http://"+name+":8080", "http://"+strings.Join(replicas, ",http://"))
	}
	for _, name := range s.compose.long() {
		c := s.compose.Services[name]
		for i, address := range addresses[name] {
			p := &process{t: s.t, name: name + "-" + strconv.Itoa(i+1), program: filepath.Join(s.programs, c.program()), address: "http://" + address}
			p.log = filepath.Join(s.t.TempDir(), p.name+".log")
			own := slices.Concat(where, []string{"0.0.0.0:8080", address})
			if dir := s.t.TempDir(); c.Environment["TIDEGATE_DATA_DIR"] != "" {
				if c.program() == "portal" { // its replicas share the issuer's key
					if s.portalDir == "" {
						s.portalDir = dir
					}
					dir = s.portalDir
				}
				own = append(own, "/data", dir)
			}
			if c.program() == "gateway" {
				data := bustest.FreeAddress(s.t)
				own = append(own, "0.0.0.0:8000", data, "0.0.0.0:8001", address)
				s.data[p] = "http://" + data
			}
			replace := strings.NewReplacer(own...)
			for _, variable := range slices.Sorted(maps.Keys(c.Environment)) {
				p.env = append(p.env, variable+"="+replace.Replace(interpolate(c.Environment[variable], secrets)))
			}
			s.processes = append(s.processes, p)
			s.of[c.program()] = append(s.of[c.program()], p)
		}
	}
}

// replicas is how many processes a service of compose is here: at least two of
// everything but gateways, which are listed one by one there.
func (s *topology) replicas(name string) int {
	c := s.compose.Services[name]
	if c.program() == "gateway" {
		return 1
	}
	return max(2, c.replicas())
}

// secrets are what .env would hold.
func (s *topology) secrets() map[string]string {
	values := map[string]string{"POSTGRES_PASSWORD": "irrelevant"}
	for _, user := range bustest.Users {
		address, err := url.Parse(s.nats.NodeURL(0, user))
		if err != nil {
			s.t.Fatal(err)
		}
		values["NATS_"+strings.ToUpper(user)+"_PASSWORD"], _ = address.User.Password()
	}
	return values
}

// tidegate runs the command line and answers what it printed.
func (s *topology) tidegate(arguments string) string {
	s.t.Helper()
	output, err := exec.CommandContext(s.t.Context(), filepath.Join(s.programs, "tidegate"), strings.Fields(arguments)...).Output()
	if err != nil {
		s.t.Fatalf("tidegate %s: %v", arguments, err)
	}
	return string(output)
}

// gateways are the base URLs where calls go.
func (s *topology) gateways() []string {
	all := make([]string, len(s.of["gateway"]))
	for i, p := range s.of["gateway"] {
		all[i] = s.data[p]
	}
	return all
}

// system is the topology as the journey sees it, through one of the portals.
func (s *topology) system(portal int) journey.System {
	return journey.System{Management: s.of["portal"][portal].address, Gateways: s.gateways(), Token: journey.Tokens(s.t, s.portalDir)}
}
