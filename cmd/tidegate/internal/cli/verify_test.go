package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
)

func TestVerify(t *testing.T) {
	key := secret.Generate(secret.APIKey)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	swapped := []byte(key)
	swapped[20]++
	if swapped[20] == key[21] || secret.Check(string(swapped)) == nil {
		t.Fatal("the typing error is none")
	}
	for what, c := range map[string]struct {
		args  []string
		stdin string
		code  int
		says  string
	}{
		"a key from standard input":  {nil, key + "\n", exitFine, "API key\n"},
		"a key from a file":          {[]string{file}, "", exitFine, "API key\n"},
		"a password":                 {[]string{"-"}, secret.Generate(secret.Password), exitFine, "password of a basic credential\n"},
		"a shared secret":            {nil, secret.Generate(secret.Secret), exitFine, "shared secret of a jwt or hmac credential\n"},
		"a client secret":            {nil, secret.Generate(secret.ClientSecret), exitFine, "client secret of an oauth2 credential\n"},
		"a typing error":             {nil, string(swapped), exitFailed, "begins as the API key (tg_k_) and is none"},
		"one that lacks its end":     {nil, key[:50], exitFailed, "50 characters instead of 54"},
		"white space":                {nil, " " + key, exitFailed, "white space"},
		"two lines":                  {nil, key + "\n" + key, exitFailed, "more than one line"},
		"nothing":                    {nil, "\n", exitFailed, "nothing to verify"},
		"one that was brought along": {nil, "brought-along-0123456789", exitFailed, "no checksum"},
		"a key in place of a file":   {[]string{key}, "", exitUsage, "have it rotated"},
		"a file that is not there":   {[]string{file + ".missing"}, "", exitFailed, "no such file"},
		"two files":                  {[]string{file, file}, "", exitUsage, "want one file"},
	} {
		t.Run(what, func(t *testing.T) {
			var out, messages bytes.Buffer
			code := Main(append([]string{"credential", "verify"}, c.args...), strings.NewReader(c.stdin), &out, &messages)
			printed := out.String() + messages.String()
			if code != c.code || !strings.Contains(printed, c.says) {
				t.Errorf("it ended with %d: %s", code, printed)
			}
			for _, text := range []string{key, string(swapped), c.stdin} {
				if len(text) > 10 && strings.Contains(printed, strings.TrimSpace(text)) {
					t.Error("it was printed")
				}
			}
		})
	}
}
