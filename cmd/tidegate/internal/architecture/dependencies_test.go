// Package architecture holds the house to its plan: who may import what.
package architecture_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	project = "github.com/tidegate-io/tidegate/"
	otelAPI = "go.opentelemetry.io/otel"
)

// row says what the packages that match may import beside the standard library
// and themselves. The first row that matches a package counts.
type row struct {
	from string   // below the project
	may  []string // patterns; "project:" ones are below the project
	deep bool     // holds for everything that they import in turn, too
}

// table is the one of ARCHITECTURE.md.
var table = []row{
	{from: `events(/.*)?`, may: []string{`project:events(/.*)?`}, deep: true},
	{from: `libs/(es|access)`, may: []string{`project:events(/.*)?`, otelPattern}, deep: true},
	{from: `libs/es/.*test`, may: []string{`.*`}},
	{from: `libs/es/.*`, may: []string{
		`project:events(/.*)?`, `project:libs/es(/.*)?`, otelPattern, `github\.com/exaring/otelpgx`,
		`github\.com/jackc/pgx/v5(/.*)?`, `modernc\.org/sqlite(/.*)?`, `github\.com/pressly/goose/v3(/.*)?`,
	}},
	{from: `libs/secret`, may: []string{`golang\.org/x/crypto/.*`}},
	{from: `libs/bus/embedded`, may: []string{`project:libs/bus`, `project:events(/.*)?`, natsServer, natsClient}},
	{from: `libs/bus/bustest`, may: []string{`project:libs/(bus|es)(/.*)?`, `project:events(/.*)?`, natsServer, natsClient}},
	{from: `libs/bus`, may: []string{
		`project:events(/.*)?`, `project:libs/es`, natsClient, otelPattern, `github\.com/cenkalti/backoff/v5`,
	}},
	{from: `libs/httpapi(/.*)?`, may: []string{
		`project:events(/.*)?`, `project:libs/es`, `project:libs/httpapi(/.*)?`, otelPattern, `github\.com/gofiber/fiber/v2(/.*)?`,
		`github\.com/valyala/fasthttp(/.*)?`, `github\.com/danielgtaylor/huma/v2(/.*)?`, `github\.com/golang-jwt/jwt/v5`,
		`github\.com/google/uuid`, `golang\.org/x/sync/.*`,
	}},
	{from: `libs/.*`, may: []string{`project:(events|libs)(/.*)?`, `[^:]*`}},
	{from: `services/[^/]+/internal/domain`, may: []string{`project:events(/.*)?`, `project:libs/es`}},
	{from: `services/[^/]+/internal/(views|policies)`, may: []string{`project:events(/.*)?`, `project:libs/es`, own(`(domain|views)`)}},
	{from: `services/(consumer|credential|catalog|subscription)/internal/api`, may: []string{
		`project:events(/.*)?`, `project:libs/(es|httpapi|secret)`, own(`.*`), otelPattern,
	}},
	{from: `services/([^/]+)/cmd/[^/]+`, may: []string{`project:libs/app`, `project:services/[^/]+`}}, // its own alone: see below
	{from: `services/[^/]+(/.*)?`, may: []string{`project:(events|libs)(/.*)?`, own(`.*`), `[^:]*`}},
	{from: `cmd/tidegate(/.*)?`, may: []string{`.*`}},
}

const (
	otelPattern = `go\.opentelemetry\.io/otel(/(attribute|baggage|codes|internal|metric|propagation|semconv|trace)(/.*)?)?`
	natsClient  = `github\.com/nats-io/nats\.go(/.*)?`
	natsServer  = `github\.com/nats-io/nats-server/v2(/.*)?`
	ownMark     = "own:"
)

// own means packages of the same service.
func own(pattern string) string { return ownMark + pattern }

// only holds imports that one place alone may have.
var only = map[string]string{
	natsClient:                       `libs/bus(/.*)?`,
	natsServer:                       `libs/bus/(embedded|bustest)(/.*)?`,
	`github\.com/jackc/pgx/v5(/.*)?`: `libs/es/.*`,
	`modernc\.org/sqlite(/.*)?`:      `libs/es/.*`,
	`database/sql`:                   `libs/es/.*`,
	`github\.com/danielgtaylor/huma/v2/adapters/humafiber`: `libs/httpapi`,
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

func TestEveryPackageImportsOnlyWhatItsPlaceAllows(t *testing.T) {
	standard, packages := list(t)
	for _, p := range packages {
		place := strings.TrimPrefix(p.ImportPath, project)
		r, ok := rule(place)
		if !ok {
			t.Errorf("%s has no row in the dependency table", place)
			continue
		}
		imports := p.Imports
		if r.deep {
			imports = p.Deps
		}
		for _, imported := range imports {
			if standard[imported] || r.deep && third(imported) {
				continue
			}
			if !allowed(r, place, imported) {
				t.Errorf("%s imports %s, which its place does not allow", place, imported)
			}
		}
	}
}

func TestWhatHasOneHomeIsImportedNowhereElse(t *testing.T) {
	_, packages := list(t)
	for _, p := range packages {
		place := strings.TrimPrefix(p.ImportPath, project)
		for _, imported := range p.Imports {
			for pattern, home := range only {
				if match(pattern, imported) && !match(home, place) {
					t.Errorf("%s imports %s, whose home is %s", place, imported, home)
				}
			}
		}
	}
}

func TestNoServiceImportsAnother(t *testing.T) {
	_, packages := list(t)
	for _, p := range packages {
		service, ok := serviceOf(p.ImportPath)
		if !ok {
			continue
		}
		for _, dep := range p.Deps {
			if other, ok := serviceOf(dep); ok && other != service {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
}

func TestEveryServiceExportsItsConstructorAlone(t *testing.T) {
	_, packages := list(t)
	for _, p := range packages {
		service, ok := serviceOf(p.ImportPath)
		place := strings.TrimPrefix(p.ImportPath, project)
		if !ok || place == "services/"+service || place == "services/"+service+"/cmd/"+service {
			continue
		}
		if !strings.HasPrefix(place, "services/"+service+"/internal/") {
			t.Errorf("%s is neither the service, nor its command, nor internal", place)
		}
	}
}

func rule(place string) (row, bool) {
	for _, r := range table {
		if match(r.from, place) {
			return r, true
		}
	}
	return row{}, false
}

func allowed(r row, place, imported string) bool {
	below, inside := strings.CutPrefix(imported, project)
	service, _ := serviceOf(project + place)
	for _, pattern := range r.may {
		if rest, ok := strings.CutPrefix(pattern, ownMark); ok {
			if inside && match("services/"+service+"/internal/"+rest, below) {
				return true
			}
			continue
		}
		if rest, ok := strings.CutPrefix(pattern, "project:"); ok {
			if inside && match(rest, below) {
				return true
			}
			continue
		}
		if match(pattern, imported) && (!inside || pattern == ".*") {
			return true
		}
	}
	return false
}

// third says whether a dependency of a dependency belongs to the OpenTelemetry
// API's own needs.
func third(path string) bool {
	return strings.HasPrefix(path, otelAPI) || strings.HasPrefix(path, "github.com/cespare/xxhash") ||
		strings.HasPrefix(path, "github.com/go-logr/")
}

func serviceOf(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, project+"services/")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	return name, true
}

func match(pattern, text string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(text)
}

// list answers the standard library's packages and the project's own, of every
// module of the workspace.
func list(t *testing.T) (standard map[string]bool, packages []pkg) {
	t.Helper()
	root := root(t)
	out, err := exec.CommandContext(t.Context(), "go", "list", "-C", root, "-f", "{{.Dir}}", "-m").Output()
	if err != nil {
		t.Fatal(explain(err))
	}
	standard = map[string]bool{}
	for dir := range strings.FieldsSeq(string(out)) {
		listing, err := exec.CommandContext(t.Context(), "go", "list", "-C", dir, "-deps", "-json=ImportPath,Imports,Deps,Standard", "./...").Output()
		if err != nil {
			t.Fatal(explain(err))
		}
		for decoder := json.NewDecoder(strings.NewReader(string(listing))); ; {
			var p pkg
			if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if p.Standard {
				standard[p.ImportPath] = true
			}
			if strings.HasPrefix(p.ImportPath, project) {
				packages = append(packages, p)
			}
		}
	}
	if len(packages) < 20 {
		t.Fatalf("only %d packages of the project were found", len(packages))
	}
	return standard, packages
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.work above the test")
	return ""
}

func explain(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return errors.New(string(exit.Stderr))
	}
	return err
}
