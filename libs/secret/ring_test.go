package secret_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
)

func ringFile(t *testing.T) string { return filepath.Join(t.TempDir(), "keyring.json") }

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestKeyRingFile(t *testing.T) {
	t.Run("is made on first start, for its owner alone, and read from then on", func(t *testing.T) {
		path := ringFile(t)
		first := must[*secret.Ring](t)(secret.LoadOrCreate(path))
		info := must[os.FileInfo](t)(os.Stat(path))
		if info.Mode().Perm() != 0o600 {
			t.Fatalf("mode %o", info.Mode().Perm())
		}
		sealed := must[[]byte](t)(first.Seal("x", []byte("plain")))
		second := must[*secret.Ring](t)(secret.LoadOrCreate(path))
		if plain, err := second.Open("x", sealed); err != nil || string(plain) != "plain" {
			t.Fatalf("second start: %q, %v", plain, err)
		}
		if first.Digest([]byte("k")) != second.Digest([]byte("k")) {
			t.Fatal("digests differ")
		}
		if left := must[[]os.DirEntry](t)(os.ReadDir(filepath.Dir(path))); len(left) != 1 {
			t.Fatalf("%d files in the directory", len(left))
		}
	})
	t.Run("is one and the same for processes that make it at once", func(t *testing.T) {
		path := ringFile(t)
		rings := make([]*secret.Ring, 8)
		var all sync.WaitGroup
		for i := range rings {
			all.Go(func() { rings[i], _ = secret.LoadOrCreate(path) })
		}
		all.Wait()
		for _, r := range rings {
			if r == nil || !slices.Equal(r.KeyIDs(), rings[0].KeyIDs()) {
				t.Fatal("not the same ring")
			}
		}
	})
	t.Run("that must be there is not made", func(t *testing.T) {
		if _, err := secret.Load(ringFile(t)); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("that others may read is refused, saying what to do", func(t *testing.T) {
		for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o622} {
			path := ringFile(t)
			must[*secret.Ring](t)(secret.LoadOrCreate(path))
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			_, err := secret.LoadOrCreate(path)
			if !errors.Is(err, secret.ErrPermissions) || !strings.Contains(err.Error(), "chmod 600 "+path) {
				t.Fatalf("mode %o: %v", mode, err)
			}
		}
	})
	t.Run("that is out of order is refused without repeating it, and left as it is", func(t *testing.T) {
		good := ringFile(t)
		must[*secret.Ring](t)(secret.LoadOrCreate(good))
		text := string(must[[]byte](t)(os.ReadFile(good)))
		faults := map[string]string{
			"empty":             "",
			"not JSON":          "c2VjcmV0",
			"cut short":         text[:len(text)/2],
			"newer format":      strings.Replace(text, `"format": 1`, `"format": 2`, 1),
			"unknown use":       strings.Replace(text, `"sealing"`, `"signing"`, 1),
			"no active key":     strings.Replace(text, `true`, `false`, 1),
			"an unknown member": strings.Replace(text, `"format"`, `"x": 1, "format"`, 1),
			"a short key":       `{"format":1,"keys":[{"id":"s-1","use":"sealing","active":true,"key":"c2VjcmV0"}]}`,
		}
		for what, content := range faults {
			path := ringFile(t)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := secret.LoadOrCreate(path)
			if !errors.Is(err, secret.ErrRing) || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Fatalf("%s: %v", what, err)
			}
			if now := must[[]byte](t)(os.ReadFile(path)); string(now) != content {
				t.Fatalf("%s: the file was changed", what)
			}
		}
	})
}

func TestSeal(t *testing.T) {
	ring := secret.New()
	sealed := must[[]byte](t)(ring.Seal("proof/cred_1.1", []byte("plain")))
	t.Run("never makes the same bytes twice", func(t *testing.T) {
		if bytes.Equal(sealed, must[[]byte](t)(ring.Seal("proof/cred_1.1", []byte("plain")))) {
			t.Fatal("twice the same")
		}
	})
	t.Run("opens for the same purpose alone", func(t *testing.T) {
		if _, err := ring.Open("proof/cred_1.2", sealed); !errors.Is(err, secret.ErrSealed) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("does not open in another ring", func(t *testing.T) {
		if _, err := secret.New().Open("proof/cred_1.1", sealed); !errors.Is(err, secret.ErrUnknownKey) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("does not open when any bit is changed or anything is cut off", func(t *testing.T) {
		for i := range sealed {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1
			if _, err := ring.Open("proof/cred_1.1", changed); err == nil {
				t.Fatalf("opened with byte %d changed", i)
			}
			if _, err := ring.Open("proof/cred_1.1", sealed[:i]); err == nil {
				t.Fatalf("opened with %d bytes", i)
			}
		}
	})
}

func TestDigest(t *testing.T) {
	t.Run("is HMAC-SHA256 of the pepper over SHA-256 of the secret", func(t *testing.T) {
		path := ringFile(t)
		ring := must[*secret.Ring](t)(secret.LoadOrCreate(path))
		var content struct {
			Keys []struct {
				ID, Use string
				Key     []byte
			}
		}
		if err := json.Unmarshal(must[[]byte](t)(os.ReadFile(path)), &content); err != nil {
			t.Fatal(err)
		}
		for _, k := range content.Keys {
			if k.Use != "pepper" {
				continue
			}
			sum := sha256.Sum256([]byte("my key"))
			mac := hmac.New(sha256.New, k.Key)
			mac.Write(sum[:])
			if got := ring.Digest([]byte("my key")); got.Pepper != k.ID || !hmac.Equal(got.Sum[:], mac.Sum(nil)) {
				t.Fatal("another digest")
			}
		}
	})
	t.Run("can be made from the fingerprint alone", func(t *testing.T) {
		ring := secret.New()
		if ring.Digest([]byte("my key")) != ring.DigestFingerprint(secret.Fingerprint([]byte("my key"))) {
			t.Fatal("another digest")
		}
	})
}

func TestRotation(t *testing.T) {
	t.Run("of a pepper recognises by both until the older is retired", func(t *testing.T) {
		path := ringFile(t)
		ring := must[*secret.Ring](t)(secret.LoadOrCreate(path))
		gateway := must[*secret.Ring](t)(secret.Load(path))
		older := ring.Digest([]byte("k"))
		added := must[string](t)(ring.Add(secret.Pepper))
		if ring.Digest([]byte("k")) != older {
			t.Fatal("an added pepper digests before it is activated")
		}
		if slices.Contains(gateway.KeyIDs(), added) {
			t.Fatal("known before it was read")
		}
		if err := gateway.Reload(); err != nil || !slices.Contains(gateway.KeyIDs(), added) {
			t.Fatalf("not known after reload: %v", err)
		}
		if err := ring.Activate(added); err != nil {
			t.Fatal(err)
		}
		newer := ring.Digest([]byte("k"))
		if newer.Pepper != added || ring.Active(secret.Pepper) != added {
			t.Fatal("the new pepper is not active")
		}
		if both := gateway.DigestsFingerprint(secret.Fingerprint([]byte("k"))); !slices.Equal(both, gateway.Digests([]byte("k"))) {
			t.Fatal("the digests of a fingerprint are others")
		}
		if both := gateway.Digests([]byte("k")); len(both) != 2 || !slices.Contains(both, older) || !slices.Contains(both, newer) {
			t.Fatal("a gateway that listed it does not recognise by both")
		}
		if _, err := ring.Add(secret.Pepper); !errors.Is(err, secret.ErrRing) {
			t.Fatalf("a third pepper: %v", err)
		}
		if err := ring.Retire(added); !errors.Is(err, secret.ErrRing) {
			t.Fatalf("the active one is retired: %v", err)
		}
		if err := ring.Retire(older.Pepper); err != nil {
			t.Fatal(err)
		}
		if one := ring.Digests([]byte("k")); len(one) != 1 || one[0] != newer {
			t.Fatal("the retired pepper still recognises")
		}
	})
	t.Run("of a sealing key opens the old until it is retired", func(t *testing.T) {
		path := ringFile(t)
		ring := must[*secret.Ring](t)(secret.LoadOrCreate(path))
		old := must[[]byte](t)(ring.Seal("x", []byte("plain")))
		before := must[string](t)(secret.SealedUnder(old))
		added := must[string](t)(ring.Add(secret.Sealing))
		if err := ring.Activate(added); err != nil {
			t.Fatal(err)
		}
		again := must[[]byte](t)(ring.Seal("x", must[[]byte](t)(ring.Open("x", old))))
		if under := must[string](t)(secret.SealedUnder(again)); under != added || before == added {
			t.Fatalf("sealed under %s", under)
		}
		if err := ring.Retire(before); err != nil {
			t.Fatal(err)
		}
		kept := must[*secret.Ring](t)(secret.Load(path))
		if _, err := kept.Open("x", old); !errors.Is(err, secret.ErrUnknownKey) {
			t.Fatalf("a destroyed key opens: %v", err)
		}
		if _, err := kept.Open("x", again); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(must[[]byte](t)(os.ReadFile(path)), []byte(before)) {
			t.Fatal("the retired key is still in the file")
		}
	})
	t.Run("of what is not there is refused", func(t *testing.T) {
		ring := secret.New()
		if err := errors.Join(ring.Activate("s-none"), ring.Retire("s-none")); !errors.Is(err, secret.ErrUnknownKey) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("goes on while others seal, open and digest", func(t *testing.T) {
		ring := secret.New()
		sealed := must[[]byte](t)(ring.Seal("x", []byte("plain")))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 200 {
					ring.Digests([]byte("k"))
					if _, err := ring.Open("x", sealed); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 20 {
			old := ring.Active(secret.Pepper)
			added, err := ring.Add(secret.Pepper)
			if err := errors.Join(err, ring.Activate(added), ring.Retire(old)); err != nil {
				t.Fatal(err)
			}
		}
		all.Wait()
	})
}
