package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// engine is a transit engine that wraps by naming its version.
func engine(t *testing.T) (version *string) {
	t.Helper()
	version = new(string)
	*version = "vault:v1:"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Plaintext, Ciphertext string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("X-Vault-Token") != "s.token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		data := map[string]string{"ciphertext": *version + in.Plaintext}
		if in.Ciphertext != "" {
			data["plaintext"] = in.Ciphertext[len(*version):]
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"data": data}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("TIDEGATE_KEYRING_DRIVER", "transit")
	t.Setenv("TIDEGATE_KEYRING_TRANSIT_ADDRESS", server.URL)
	t.Setenv("TIDEGATE_KEYRING_TRANSIT_TOKEN", "s.token")
	return version
}

func command(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if code := Main(args, strings.NewReader(""), &out, &out); code != want {
		t.Fatalf("%v ended with %d: %s", args, code, out.String())
	}
	return out.String()
}

func TestAPlainKeyRingIsTakenIntoATransitEngine(t *testing.T) {
	plain, wrapped := filepath.Join(t.TempDir(), "plain.json"), filepath.Join(t.TempDir(), "wrapped")
	ring, err := secret.LoadOrCreate(plain)
	if err != nil {
		t.Fatal(err)
	}
	version := engine(t)
	said := command(t, exitFine, "keyring", "init", "--file", wrapped, "--from", plain)
	if !strings.Contains(said, strings.Join(ring.KeyIDs(), ", ")) {
		t.Errorf("it says %s", said)
	}
	begins := func(with string) {
		t.Helper()
		if content, err := os.ReadFile(wrapped); err != nil || !strings.HasPrefix(string(content), with) {
			t.Fatalf("the file holds %.9s, %v", content, err)
		}
	}
	begins("vault:v1:")
	command(t, exitFailed, "keyring", "init", "--file", wrapped, "--from", plain) // nothing is written over
	*version = "vault:v2:"
	command(t, exitFine, "keyring", "rewrap", "--keyring", wrapped)
	begins("vault:v2:")
	t.Run("and a token that is refused is told without it", func(t *testing.T) {
		t.Setenv("TIDEGATE_KEYRING_TRANSIT_TOKEN", "s.needle")
		said := command(t, exitFailed, "keyring", "rewrap", "--keyring", wrapped)
		if strings.Contains(said, "needle") || !strings.Contains(said, "transit/decrypt/tidegate") {
			t.Errorf("it says %s", said)
		}
	})
}

func TestAnOlderCopyIsTakenBack(t *testing.T) {
	path, older := filepath.Join(t.TempDir(), "keyring.json"), filepath.Join(t.TempDir(), "older.json")
	ring, err := secret.LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.CopyTo(t.Context(), secret.Source{Path: older}); err != nil {
		t.Fatal(err)
	}
	sealed, err := ring.Seal("x", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	before := ring.ActiveIDs()
	for i, use := range []secret.Use{secret.Sealing, secret.Pepper} {
		added, err := ring.Add(use)
		if err := errors.Join(err, ring.Activate(added), ring.Retire(before[i])); err != nil {
			t.Fatal(err)
		}
	}
	command(t, exitFine, "keyring", "adopt", older, "--keyring", path)
	again, err := secret.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open("x", sealed); err != nil || string(plain) != "plain" {
		t.Errorf("it opens %q, %v", plain, err)
	}
	for _, key := range again.Keys() {
		if old := slices.Contains(before, key.ID); old != (key.State == secret.Old) {
			t.Errorf("%s is %s", key.ID, key.State)
		}
	}
	if slices.Equal(again.ActiveIDs(), before) {
		t.Error("the older keys are in use")
	}
}

func TestKeyringCommandsSayWhatTheyNeed(t *testing.T) {
	t.Setenv("TIDEGATE_KEYRING", "")
	for args, says := range map[string]string{
		"keyring rotate":                    "say what to rotate",
		"keyring rotate --all --keyring no": "name the file that the services are given",
		"keyring reseal --batch 0":          "want 1 to 1000",
		"keyring retire --keyring no":       "name the file that the services are given",
		"keyring status":                    "cannot be reached",
	} {
		var out bytes.Buffer
		code := Main(append(strings.Fields(args), "--data-dir", t.TempDir(), "--address", "http://127.0.0.1:1"), strings.NewReader(""), &out, &out)
		if code == exitFine || !strings.Contains(out.String(), says) {
			t.Errorf("%s ended with %d: %s", args, code, out.String())
		}
	}
}
