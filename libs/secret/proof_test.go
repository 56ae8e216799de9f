package secret_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
)

func TestProofs(t *testing.T) {
	ring := secret.New()
	digest := secret.DigestProof(ring.Digest([]byte("my key")))
	password := secret.PasswordProof(secret.HashPassword("my password"))
	public := secret.PublicProof(publicKey(t))
	for name, proof := range map[string]secret.Proof{
		"digest": digest, "password": password, "shared": secret.SharedProof([]byte("my-secret-key")), "public": public,
		"bcrypt": secret.BcryptProof("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
	} {
		t.Run("come back as they were sealed: "+name, func(t *testing.T) {
			sealed := must[[]byte](t)(ring.SealProof("cred_1.1", proof))
			if got := must[secret.Proof](t)(ring.OpenProof("cred_1.1", sealed)); !reflect.DeepEqual(got, proof) {
				t.Fatal("another proof")
			}
			if _, err := ring.OpenProof("cred_1.2", sealed); !errors.Is(err, secret.ErrSealed) {
				t.Fatalf("it opens for another version: %v", err)
			}
		})
	}
	t.Run("that are incomplete are not sealed", func(t *testing.T) {
		for _, bad := range []secret.Proof{
			{}, {Kind: "unknown"}, {Kind: secret.ProofDigest, Digest: digest.Digest}, {Kind: secret.ProofDigest, Pepper: "p"},
			{Kind: secret.ProofArgon2id}, {Kind: secret.ProofArgon2id, PHC: password.PHC, Pepper: "p"},
			{Kind: secret.ProofArgon2id, PHC: password.PHC, Key: []byte("k")},
			secret.BcryptProof(password.PHC), secret.PasswordProof("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
			secret.SharedProof(nil), secret.SharedProof(make([]byte, 4097)), {Kind: secret.ProofShared, Key: []byte("k"), PHC: "x"},
			secret.PublicProof(nil), secret.PublicProof([]byte("not DER")), secret.PublicProof(public.Key[:len(public.Key)-1]),
			secret.PublicProof(make([]byte, 8193)), {Kind: secret.ProofDigest, Pepper: "p", Digest: digest.Digest, Key: []byte("k")},
		} {
			if _, err := ring.SealProof("cred_1.1", bad); !errors.Is(err, secret.ErrProof) {
				t.Fatalf("kind %q: %v", bad.Kind, err)
			}
		}
	})
	t.Run("of a newer release are refused", func(t *testing.T) {
		plain, _ := json.Marshal(map[string]any{"kind": "argon2id", "phc": password.PHC, "only_on": "sundays"})
		sealed := must[[]byte](t)(ring.Seal("proof/cred_1.1", plain))
		if _, err := ring.OpenProof("cred_1.1", sealed); !errors.Is(err, secret.ErrProof) {
			t.Fatalf("got %v", err)
		}
	})
}

func publicKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return must[[]byte](t)(x509.MarshalPKIXPublicKey(&key.PublicKey))
}

func TestDataKeys(t *testing.T) {
	ring, key := secret.New(), secret.NewDataKey()
	sealed := key.Seal("contact", []byte("ada@example.org"))
	t.Run("open what they sealed, for the same field alone", func(t *testing.T) {
		if plain, err := key.Open("contact", sealed); err != nil || string(plain) != "ada@example.org" {
			t.Fatalf("got %q, %v", plain, err)
		}
		if _, err := key.Open("notes", sealed); !errors.Is(err, secret.ErrSealed) {
			t.Fatalf("another field: %v", err)
		}
		if _, err := secret.NewDataKey().Open("contact", sealed); !errors.Is(err, secret.ErrSealed) {
			t.Fatalf("another key: %v", err)
		}
		if _, err := key.Open("contact", nil); !errors.Is(err, secret.ErrSealed) {
			t.Fatalf("nothing: %v", err)
		}
	})
	t.Run("are kept sealed under the ring, for their subject alone", func(t *testing.T) {
		kept := must[[]byte](t)(ring.SealDataKey("acme", key))
		if got := must[secret.DataKey](t)(ring.OpenDataKey("acme", kept)); got != key {
			t.Fatal("another key")
		}
		if _, err := ring.OpenDataKey("other", kept); !errors.Is(err, secret.ErrSealed) {
			t.Fatalf("another subject: %v", err)
		}
	})
}

func TestNothingSecretIsPrinted(t *testing.T) {
	ring := secret.New()
	digest := ring.Digest([]byte("my key"))
	for name, v := range map[string]any{
		"ring": ring, "data key": secret.NewDataKey(), "digest": digest,
		"proof": secret.Proof{Kind: "argon2id", PHC: "needle", Digest: []byte("needle"), Key: []byte("needle")},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, v); got != "[secret]" {
				t.Errorf("%s with %s", name, verb)
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		if !strings.Contains(log.String(), `"v":"[secret]"`) {
			t.Errorf("%s is logged", name)
		}
	}
	if _, err := json.Marshal(secret.PasswordProof("needle")); !errors.Is(err, secret.ErrPlain) {
		t.Errorf("a proof is written as JSON: %v", err)
	}
	for _, v := range []any{ring, secret.NewDataKey()} {
		if raw, err := json.Marshal(v); err != nil || string(raw) != "{}" {
			t.Errorf("%T is written as JSON", v)
		}
	}
}

func FuzzOpen(f *testing.F) {
	ring := secret.New()
	sealed, _ := ring.SealProof("cred_1.1", secret.DigestProof(ring.Digest([]byte("k"))))
	f.Add(sealed)
	f.Add([]byte{1, 255})
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ring.OpenProof("cred_1.1", b); err == nil && !bytes.Equal(b, sealed) {
			t.Fatal("something else opens")
		}
		_, _ = secret.SealedUnder(b)
		_, _ = secret.DataKey{}.Open("x", b)
	})
}
