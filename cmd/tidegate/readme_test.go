package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
)

// identifiers are what a reader puts for sub_... and cred_...
var identifiers = regexp.MustCompile(`(sub|cred)_[0-9a-z]{26}`)

// The README's calls do what it says when they are pasted, one after the other.
func TestTheReadmesCalls(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the README's calls need %s: install it", tool)
		}
	}
	program, data := binary(t), t.TempDir()
	child := journey.Up(t, program, data, "--demo")
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]string{}
	calls := 0
	for _, section := range []string{"## The main job by hand", "## Types of credential"} {
		for _, block := range blocks(string(text), section) {
			if strings.Count(block, "$PWD/bin") > 0 && filepath.Base(program) != "tidegate" {
				t.Fatalf("the program is called %s", program)
			}
			script := strings.NewReplacer(
				"$PWD/bin", filepath.Dir(program),
				"http://127.0.0.1:8000", child.Ready.GatewayURL,
				"127.0.0.1:8000", strings.TrimPrefix(child.Ready.GatewayURL, "http://"),
				"http://127.0.0.1:8080", child.Ready.ManagementURL,
				"curl ", "curl -fsS ",
			).Replace(block)
			for _, step := range steps(script) { // an identifier is known once the step before was answered
				step = strings.NewReplacer("sub_...", last["sub"], "cred_...", last["cred"]).Replace(step)
				command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", "export PATH="+filepath.Dir(program)+":$PATH\n"+step)
				command.Env = append(os.Environ(), "TIDEGATE_DATA_DIR="+data, "NO_COLOR=1")
				out, err := command.CombinedOutput()
				if err != nil {
					t.Fatalf("%s\nends with %v: %s", step, err, out)
				}
				for _, id := range identifiers.FindAllString(string(out), -1) {
					last[strings.SplitN(id, "_", 2)[0]] = id
				}
				if strings.Contains(step, "/weather/now") {
					calls++
					if !strings.Contains(string(out), "You have reached the echo service") || !strings.Contains(string(out), "shop") {
						t.Errorf("%s\nis answered: %s", step, out)
					}
				}
			}
		}
	}
	if calls != 7 { // a type each, and three schemes of one
		t.Errorf("%d calls reach the service, want 7", calls)
	}
}

// blocks answers the commands of a section of the README.
func blocks(text, heading string) (all []string) {
	_, section, _ := strings.Cut(text, heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for {
		_, rest, found := strings.Cut(section, "```sh\n")
		if !found {
			return all
		}
		block, after, _ := strings.Cut(rest, "```")
		all, section = append(all, block), after
	}
}

// steps cuts a block with identifiers to fill in into its lines; another one is run
// as it is, for its lines share variables.
func steps(block string) []string {
	if strings.Contains(block, "curl") {
		return []string{block}
	}
	return strings.Split(strings.TrimSpace(block), "\n")
}
