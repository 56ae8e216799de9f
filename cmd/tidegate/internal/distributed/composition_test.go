package distributed_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// root is the repository.
const root = "../../../.."

// composition is docker-compose.yml, as far as it matters here.
type composition struct {
	text     string
	Services map[string]composed `yaml:"services"`
	Volumes  map[string]any      `yaml:"volumes"`
}

// composed is one service of it.
type composed struct {
	Image string `yaml:"image"`
	Build struct {
		Context    string            `yaml:"context"`
		Dockerfile string            `yaml:"dockerfile"`
		Args       map[string]string `yaml:"args"`
	} `yaml:"build"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Profiles    []string          `yaml:"profiles"`
	Deploy      struct {
		Replicas int `yaml:"replicas"`
	} `yaml:"deploy"`
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
}

func readComposition(t testing.TB) composition {
	t.Helper()
	text := readFile(t, "docker-compose.yml")
	c := composition{text: text}
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return c
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// long are the names of services that run Tidegate's own long-lived programs.
func (c composition) long() []string {
	var names []string
	for name, s := range c.Services {
		if strings.HasPrefix(s.source(), "services/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// source is the folder that an image is built from: "services/consumer".
func (s composed) source() string { return s.Build.Args["SERVICE"] }

// program is the name of the image's program: "consumer".
func (s composed) program() string { return filepath.Base(s.source()) }

// pkg is the package of the program's main, as deploy/Dockerfile finds it.
func (s composed) pkg() string {
	pkg := "github.com/tidegate-io/tidegate/" + s.source()
	if s.program() != "tidegate" {
		pkg += "/cmd/" + s.program()
	}
	return pkg
}

func (s composed) replicas() int { return max(1, s.Deploy.Replicas) }

// variable is ${NAME}, ${NAME:-otherwise} or ${NAME:?complaint}.
var variable = regexp.MustCompile(`\$\{([A-Z0-9_]+)(?:(:[-?])([^}]*))?\}`)

// interpolate puts values in place of variables, as compose does.
func interpolate(text string, values map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		parts := variable.FindStringSubmatch(found)
		if value := values[parts[1]]; value != "" {
			return value
		}
		if parts[2] == ":-" {
			return parts[3]
		}
		return ""
	})
}
