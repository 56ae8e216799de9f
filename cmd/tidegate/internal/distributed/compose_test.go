package distributed_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/app"
)

// TestComposition holds docker-compose.yml to the programs, the NATS accounts,
// the Dockerfile and the documentation.
func TestComposition(t *testing.T) {
	c := readComposition(t)
	secrets := map[string]string{}
	for _, name := range c.variables(t) {
		secrets[name] = "p" + strings.ToLower(name)
	}
	for _, s := range c.Services {
		for variable, value := range s.Environment {
			s.Environment[variable] = interpolate(value, secrets)
		}
	}
	for name, s := range c.Services {
		t.Run(name, func(t *testing.T) {
			c.images(t, s)
			c.dependencies(t, s)
			c.ports(t, s)
			c.mounts(t, s)
			switch {
			case slices.Contains(c.long(), name):
				c.settings(t, s)
				c.users(t, s, secrets)
				if !slices.Equal(s.Healthcheck.Test, []string{"CMD", "/service", "healthcheck"}) {
					t.Errorf("its health is checked by %v", s.Healthcheck.Test)
				}
			case strings.HasPrefix(s.Image, "nats:"):
				c.node(t, name, s, secrets)
			}
		})
	}
	t.Run("every program is there, and every owner twice", func(t *testing.T) {
		count := map[string]int{}
		for _, name := range c.long() {
			count[c.Services[name].program()] += c.Services[name].replicas()
		}
		want := map[string]int{"consumer": 2, "credential": 2, "catalog": 2, "subscription": 2, "gateway": gatewayCount, "portal": 1}
		if !maps.Equal(count, want) {
			t.Errorf("there are %v, want %v", count, want)
		}
	})
	t.Run("host ports are given once", func(t *testing.T) {
		had := map[string]string{}
		for name, s := range c.Services {
			for _, port := range s.Ports {
				address := port[:strings.LastIndex(port, ":")]
				if !strings.HasPrefix(address, "127.0.0.1:") || had[address] != "" {
					t.Errorf("%s of %s is open to the world, or that of %q too", address, name, had[address])
				}
				had[address] = name
			}
		}
	})
	t.Run("volumes are declared, and written by one", func(t *testing.T) {
		writer := map[string]string{}
		for name, s := range c.Services {
			for _, m := range s.mounts() {
				if strings.HasPrefix(m.from, "./") {
					continue
				}
				if _, declared := c.Volumes[m.from]; !declared {
					t.Errorf("%s mounts %s, which is not declared", name, m.from)
				}
				if m.readOnly || len(s.Profiles) > 0 {
					continue
				}
				if writer[m.from] != "" || s.replicas() > 1 {
					t.Errorf("%s and %q write to %s", name, writer[m.from], m.from)
				}
				writer[m.from] = name
			}
		}
		for name := range c.Volumes {
			if writer[name] == "" {
				t.Errorf("nobody writes to %s", name)
			}
		}
	})
	t.Run("the example of .env has exactly what must be set", func(t *testing.T) {
		var names []string
		for _, found := range regexp.MustCompile(`(?m)^([A-Z_]+)=(.*)$`).FindAllStringSubmatch(readFile(t, "deploy/compose.env.example"), -1) {
			if names = append(names, found[1]); found[2] != "" {
				t.Errorf("%s has the value %q, which somebody would keep", found[1], found[2])
			}
		}
		slices.Sort(names)
		if want := c.variables(t); !slices.Equal(names, want) {
			t.Errorf("it has %v, want %v", names, want)
		}
	})
	t.Run("the README tells of variables that programs know", func(t *testing.T) {
		known := app.Variables()
		for name := range documented(t) {
			if strings.HasPrefix(name, "TIDEGATE_") && !slices.Contains(known, name) {
				t.Errorf("no program knows %s", name)
			}
		}
	})
}
