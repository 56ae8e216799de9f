package distributed_test

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/app"
)

// variables are those that .env must set. Each has a complaint for when it is
// not; those with a default may be left out.
func (c composition) variables(t testing.TB) []string {
	t.Helper()
	must, may := map[string]bool{}, map[string]bool{}
	for _, found := range variable.FindAllStringSubmatch(c.text, -1) {
		switch found[2] {
		case ":?":
			must[found[1]] = true
		case ":-":
			may[found[1]] = true
		}
	}
	for _, found := range variable.FindAllStringSubmatch(c.text, -1) {
		if !must[found[1]] && !may[found[1]] {
			t.Errorf("%s may be unset, and nobody would notice", found[1])
		}
	}
	return slices.Sorted(maps.Keys(must))
}

// images: what is built can be, with arguments that the Dockerfile takes.
func (c composition) images(t *testing.T, s composed) {
	if s.Image != "" {
		return
	}
	dockerfile := readFile(t, s.Build.Dockerfile)
	for name := range s.Build.Args {
		if !regexp.MustCompile(`(?m)^ARG ` + name + `\b`).MatchString(dockerfile) {
			t.Errorf("%s has no ARG %s", s.Build.Dockerfile, name)
		}
	}
	main := filepath.Join(root, strings.TrimPrefix(s.pkg(), "github.com/tidegate-io/tidegate/"), "main.go")
	if _, err := os.Stat(main); err != nil || s.Build.Context != "." {
		t.Errorf("%s cannot be built from %q: %v", s.source(), s.Build.Context, err)
	}
}

func (c composition) dependencies(t *testing.T, s composed) {
	for name, how := range s.DependsOn {
		other, there := c.Services[name]
		if !there || how.Condition == "service_healthy" && len(other.Healthcheck.Test) == 0 {
			t.Errorf("it depends on %s, which is not there or does not tell its health", name)
		}
	}
}

// settings: a program knows every variable that it is given, makes use of it,
// and has all that it requires.
func (c composition) settings(t *testing.T, s composed) {
	known, told := app.Variables(), documented(t)
	var environ []string
	for name, value := range s.Environment {
		environ = append(environ, name+"="+value)
		if !slices.Contains(known, name) {
			t.Errorf("it does not know %s", name)
		}
		if services := told[name]; !slices.Contains(services, s.program()) {
			t.Errorf("by the README %s is for %v", name, services)
		}
	}
	all := up.Services()
	i := slices.IndexFunc(all, func(service app.Service) bool { return service.Name == s.program() })
	if _, err := app.ReadConfig(environ, all[i]); err != nil {
		t.Error(err)
	}
	if replicas, streams := s.Environment["TIDEGATE_NATS_REPLICAS"], all[i].Routes != nil; streams != (replicas == strconv.Itoa(nodes)) {
		t.Errorf("its streams are kept by %q nodes", replicas)
	}
}

// users: a program has its own user of NATS, on every node, and the database's.
func (c composition) users(t *testing.T, s composed, secrets map[string]string) {
	var want []string
	for i := range nodes {
		want = append(want, "nats://"+s.program()+":"+secrets["NATS_"+strings.ToUpper(s.program())+"_PASSWORD"]+"@nats-"+strconv.Itoa(i+1)+":4222")
	}
	if got := s.Environment["TIDEGATE_NATS_URL"]; got != strings.Join(want, ",") {
		t.Errorf("TIDEGATE_NATS_URL is %s, want %s", got, strings.Join(want, ","))
	}
	if !strings.Contains(readFile(t, "deploy/nats/accounts.conf"), "user: "+s.program()+"\n        password: $NATS_"+strings.ToUpper(s.program())+"_PASSWORD\n") {
		t.Errorf("deploy/nats/accounts.conf has no such user")
	}
	if database := s.Environment["TIDEGATE_DATABASE_URL"]; database != "" {
		p := c.Services["postgres"].Environment
		want := url.URL{Scheme: "postgres", User: url.UserPassword(p["POSTGRES_USER"], p["POSTGRES_PASSWORD"]), Host: "postgres:5432", Path: p["POSTGRES_DB"]}
		if database != want.String() {
			t.Errorf("TIDEGATE_DATABASE_URL is %s, want %s", database, want.String())
		}
	}
	for name, value := range s.Environment {
		for _, found := range regexp.MustCompile(`http://([a-z0-9-]+):(\d+)`).FindAllStringSubmatch(value, -1) {
			if other, there := c.Services[found[1]]; !there || !strings.HasSuffix(other.Environment["TIDEGATE_LISTEN"], ":"+found[2]) {
				t.Errorf("%s is at %s, where nobody listens", name, found[0])
			}
		}
	}
}

// node: a NATS server has every variable of its configuration, and no other.
func (c composition) node(t *testing.T, name string, s composed, secrets map[string]string) {
	read := map[string]bool{}
	for line := range strings.Lines(readFile(t, "deploy/nats/server.conf") + readFile(t, "deploy/nats/accounts.conf")) {
		line, _, _ = strings.Cut(line, "#")
		for _, found := range regexp.MustCompile(`\$(NATS_[A-Z_]+)`).FindAllStringSubmatch(line, -1) {
			read[found[1]] = true
		}
	}
	given := slices.Sorted(maps.Keys(s.Environment))
	if want := slices.Sorted(maps.Keys(read)); !slices.Equal(given, want) {
		t.Errorf("it is given %v, and its configuration reads %v", given, want)
	}
	var routes []string
	for i := range nodes {
		routes = append(routes, "nats://route:"+secrets["NATS_ROUTE_PASSWORD"]+"@nats-"+strconv.Itoa(i+1)+":6222")
	}
	for variable, want := range map[string]string{
		"NATS_SERVER_NAME": name, "NATS_LISTEN": "0.0.0.0:4222", "NATS_CLUSTER_LISTEN": "0.0.0.0:6222", "NATS_ROUTES": "[" + strings.Join(routes, ",") + "]",
	} {
		if got := s.Environment[variable]; got != want {
			t.Errorf("%s is %q, want %q", variable, got, want)
		}
	}
}

// ports: what the host sees is what somebody listens on.
func (c composition) ports(t *testing.T, s composed) {
	for _, port := range s.Ports {
		inside := port[strings.LastIndex(port, ":")+1:]
		listens := func(value string) bool { return value == "0.0.0.0:"+inside }
		if !slices.ContainsFunc(slices.Collect(maps.Values(s.Environment)), listens) {
			t.Errorf("nobody listens on %s of %s", inside, port)
		}
	}
}

// mounts: what is read from or written to a path has a volume there.
func (c composition) mounts(t *testing.T, s composed) {
	paths := map[string]bool{} // whether it is written to
	for name, value := range s.Environment {
		if strings.HasPrefix(value, "/") {
			paths[value] = name != "TIDEGATE_KEYRING"
		}
	}
	for i, argument := range s.Command {
		if strings.HasPrefix(argument, "/") {
			paths[argument] = s.Command[i-1] != "--config"
		}
	}
	for path, written := range paths {
		if !slices.ContainsFunc(s.mounts(), func(m mount) bool {
			return (path == m.to || strings.HasPrefix(path, m.to+"/")) && (!written || !m.readOnly)
		}) {
			t.Errorf("%s is in no volume that it may use so: %v", path, s.Volumes)
		}
	}
}

// mount is one line of volumes.
type mount struct {
	from, to string
	readOnly bool
}

func (s composed) mounts() []mount {
	var all []mount
	for _, line := range s.Volumes {
		parts := strings.Split(line, ":")
		all = append(all, mount{from: parts[0], to: parts[1], readOnly: len(parts) == 3 && parts[2] == "ro"})
	}
	return all
}

// documented are the variables of the README's table of services, each with the
// programs that it is for.
func documented(t testing.TB) map[string][]string {
	t.Helper()
	var all []string
	for _, service := range up.Services() {
		all = append(all, service.Name)
	}
	_, table, _ := strings.Cut(readFile(t, "README.md"), "| environment | services | meaning |")
	told := map[string][]string{}
	for line := range strings.Lines(strings.TrimPrefix(table, "\n")) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			break
		}
		services := strings.Split(strings.TrimSpace(cells[2]), ", ")
		if cells[2] = strings.TrimSpace(cells[2]); strings.HasPrefix(cells[2], "all") {
			except := strings.TrimPrefix(cells[2], "all but ")
			services = slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == except })
		}
		for _, name := range regexp.MustCompile("`([A-Z][A-Z_]+)`").FindAllStringSubmatch(cells[1], -1) {
			told[name[1]] = services
		}
	}
	if len(told) == 0 {
		t.Fatal("the README has no table of variables")
	}
	return told
}
