package transit_test

import (
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/libs/secret/transit"
)

func driver(t *testing.T, cfg transit.Config) *transit.Transit {
	t.Helper()
	made, err := transit.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestRingInTransit(t *testing.T) {
	e := newEngine(t, httptest.NewServer)
	config := transit.Config{Address: e.URL, Key: "tidegate", Token: "s.all"}
	source := secret.Source{Path: filepath.Join(t.TempDir(), "keyring"), Driver: driver(t, config), Create: true}
	ring, err := secret.Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		content, err := os.ReadFile(source.Path)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	t.Run("rests as ciphertext alone", func(t *testing.T) {
		if !strings.HasPrefix(read(), "vault:v1:") || strings.Contains(read(), "sealing") || strings.Contains(read(), ring.KeyIDs()[0]) {
			t.Fatal("the file says more than it should")
		}
	})
	t.Run("is the same in another process, whoever may read the file", func(t *testing.T) {
		if err := os.Chmod(source.Path, 0o644); err != nil {
			t.Fatal(err)
		}
		sealed, err := ring.Seal("x", []byte("plain"))
		if err != nil {
			t.Fatal(err)
		}
		config.Token = "s.reader"
		other, err := secret.Open(t.Context(), secret.Source{Path: source.Path, Driver: driver(t, config)})
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := other.Open("x", sealed); err != nil || string(plain) != "plain" {
			t.Fatalf("opened %q, %v", plain, err)
		}
	})
	t.Run("asks nobody to seal, open and digest, or while the file is the same", func(t *testing.T) {
		before := e.asked("decrypt") + e.asked("encrypt")
		sealed, err := ring.Seal("x", []byte("plain"))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			ring.Digests([]byte("key"))
			if _, err := ring.Open("x", sealed); err != nil {
				t.Fatal(err)
			}
			if err := ring.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		if after := e.asked("decrypt") + e.asked("encrypt"); after != before {
			t.Fatalf("it was asked %d times", after-before)
		}
	})
	t.Run("is wrapped under the engine's newest version when it changes", func(t *testing.T) {
		e.rotate(t)
		added, err := ring.Add(secret.Pepper)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(read(), "vault:v2:") {
			t.Fatal("it is wrapped under an older version")
		}
		e.rotate(t)
		if err := ring.Rewrap(); err != nil {
			t.Fatal(err)
		}
		e.set(func() { e.oldest = 3 })
		again, err := secret.Open(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		if ids := strings.Join(again.KeyIDs(), " "); !strings.HasPrefix(read(), "vault:v3:") || !strings.Contains(ids, added) {
			t.Fatalf("wrapped as %.9s with the keys %s", read(), ids)
		}
	})
	t.Run("keeps its keys when the engine is away", func(t *testing.T) {
		sealed, err := ring.Seal("x", []byte("plain"))
		if err != nil {
			t.Fatal(err)
		}
		e.set(func() { e.sealed = true })
		defer e.set(func() { e.sealed = false })
		if err := os.WriteFile(source.Path, append([]byte(read()), '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := ring.Reload(); !errors.Is(err, secret.ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
		if _, err := ring.Open("x", sealed); err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Add(secret.Sealing); !errors.Is(err, secret.ErrUnavailable) {
			t.Fatalf("a key was added: %v", err)
		}
	})
	t.Run("of a plain file is made by copying its keys", func(t *testing.T) {
		plain, err := secret.LoadOrCreate(filepath.Join(t.TempDir(), "plain.json"))
		if err != nil {
			t.Fatal(err)
		}
		to := secret.Source{Path: filepath.Join(t.TempDir(), "wrapped"), Driver: source.Driver}
		if err := plain.CopyTo(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if copied, err := secret.Open(t.Context(), to); err != nil || strings.Join(copied.KeyIDs(), " ") != strings.Join(plain.KeyIDs(), " ") {
			t.Fatalf("copied other keys: %v", err)
		}
		if err := plain.CopyTo(t.Context(), to); !errors.Is(err, os.ErrExist) {
			t.Fatalf("one was written over: %v", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	e := newEngine(t, httptest.NewServer)
	good := transit.Config{Address: e.URL, Key: "tidegate", Token: "s.all", Timeout: time.Second}
	wrapped, err := driver(t, good).Wrap(t.Context(), []byte("needle"))
	if err != nil {
		t.Fatal(err)
	}
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that the caller has gone
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	t.Cleanup(elsewhere.Close)
	for what, c := range map[string]struct {
		change func(*transit.Config)
		want   error
		says   string
	}{
		"it is down":                 {func(c *transit.Config) { c.Address = down.URL }, secret.ErrUnavailable, "connection refused"},
		"it does not answer in time": {func(c *transit.Config) { c.Address, c.Timeout = slow.URL, 50*time.Millisecond }, secret.ErrUnavailable, "did not answer within 50ms"},
		"the token is wrong":         {func(c *transit.Config) { c.Token = "s.wrong" }, secret.ErrRefused, `lacks "update" on transit/decrypt/tidegate`},
		"the key is another":         {func(c *transit.Config) { c.Key = "other" }, secret.ErrRefused, `is there a key "other"`},
		"the engine is elsewhere":    {func(c *transit.Config) { c.Mount = "elsewhere" }, secret.ErrRefused, `mounted at "elsewhere"`},
		"the namespace is another":   {func(c *transit.Config) { c.Namespace = "team-a" }, secret.ErrRefused, "namespace"},
		"it is no such server":       {func(c *transit.Config) { c.Address = elsewhere.URL }, secret.ErrRing, "is this the address"},
	} {
		t.Run("say what to do when "+what, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			_, err := driver(t, cfg).Unwrap(t.Context(), wrapped)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
			silent(t, err, cfg, wrapped)
		})
	}
	t.Run("say that it is sealed", func(t *testing.T) {
		e.set(func() { e.sealed = true })
		defer e.set(func() { e.sealed = false })
		_, err := driver(t, good).Unwrap(t.Context(), wrapped)
		if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "unseal it") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("say that the file is not wrapped", func(t *testing.T) {
		if _, err := driver(t, good).Unwrap(t.Context(), []byte(`{"format":1}`)); !errors.Is(err, secret.ErrRing) || !strings.Contains(err.Error(), "keyring init --from") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("name every fault of a configuration", func(t *testing.T) {
		_, err := transit.New(transit.Config{Address: "http://vault.example.com", Key: "a/b", Mount: "../x y", CAFile: filepath.Join(t.TempDir(), "none")})
		for _, field := range []string{"address", "key", "mount", "token", "CA file"} {
			if err == nil || !strings.Contains(err.Error(), field) {
				t.Fatalf("%s: %v", field, err)
			}
		}
	})
}

// silent holds an error to tell nothing that is secret.
func silent(t *testing.T, err error, cfg transit.Config, wrapped []byte) {
	t.Helper()
	for _, needle := range []string{cfg.Token, "needle", strings.TrimSpace(string(wrapped))[len("vault:v1:"):]} {
		if strings.Contains(err.Error(), needle) {
			t.Fatalf("the error tells %q", needle)
		}
	}
}

func TestTokenFileAndCertificate(t *testing.T) {
	e := newEngine(t, httptest.NewTLSServer)
	e.set(func() { e.space = "team-a" })
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw}))
	token := write("token", []byte("s.all\n"))
	d := driver(t, transit.Config{Address: e.URL, Key: "tidegate", Namespace: "team-a", CAFile: ca, TokenFile: token})
	wrapped, err := d.Wrap(t.Context(), []byte("ring"))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a token that was renewed is used at once", func(t *testing.T) {
		e.set(func() { e.tokens = map[string][]string{"s.renewed": {"decrypt"}} })
		if _, err := d.Unwrap(t.Context(), wrapped); !errors.Is(err, secret.ErrRefused) {
			t.Fatalf("got %v", err)
		}
		write("token", []byte("s.renewed\n"))
		if plain, err := d.Unwrap(t.Context(), wrapped); err != nil || string(plain) != "ring" {
			t.Fatalf("got %q, %v", plain, err)
		}
	})
	t.Run("a server that nobody has signed for is not told the token", func(t *testing.T) {
		before := e.asked("decrypt")
		stranger := driver(t, transit.Config{Address: e.URL, Key: "tidegate", Namespace: "team-a", TokenFile: token})
		if _, err := stranger.Unwrap(t.Context(), wrapped); !errors.Is(err, secret.ErrUnavailable) || e.asked("decrypt") != before {
			t.Fatalf("got %v", err)
		}
	})
}
