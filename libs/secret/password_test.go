package secret_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// Of the reference implementation (github.com/P-H-C/phc-winner-argon2, test.c).
const referenceHash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

func TestPasswords(t *testing.T) {
	hashed := secret.HashPassword("correct horse")
	t.Run("are hashed as the contract says and never the same twice", func(t *testing.T) {
		if !strings.HasPrefix(hashed, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Fatal("other parameters")
		}
		if secret.HashPassword("correct horse") == hashed {
			t.Fatal("no salt")
		}
	})
	t.Run("verify when they are right and not otherwise", func(t *testing.T) {
		if !secret.VerifyPassword(hashed, "correct horse") {
			t.Fatal("the right one is refused")
		}
		for _, wrong := range []string{"", "correct horse ", "Correct horse", hashed} {
			if secret.VerifyPassword(hashed, wrong) {
				t.Fatalf("%q is accepted", wrong)
			}
		}
	})
	t.Run("of other implementations and costs verify", func(t *testing.T) {
		if !secret.VerifyPassword(referenceHash, "password") || secret.VerifyPassword(referenceHash, "passwort") {
			t.Fatal("the reference vector does not verify")
		}
	})
	t.Run("give up their turn when the caller is gone", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 { // with a free slot either may win
			if _, err := secret.VerifyPasswordContext(ctx, hashed, "x"); errors.Is(err, context.Canceled) {
				return
			}
		}
		t.Fatal("it never gave up")
	})
	for what, bad := range map[string]string{
		"nothing":           "",
		"another algorithm": strings.Replace(hashed, "argon2id", "argon2i", 1),
		"another version":   strings.Replace(hashed, "v=19", "v=16", 1),
		"too much memory":   strings.Replace(hashed, "m=19456", "m=4194304", 1),
		"too little memory": strings.Replace(hashed, "m=19456", "m=1", 1),
		"too many passes":   strings.Replace(hashed, "t=2", "t=1000000", 1),
		"no passes":         strings.Replace(hashed, "t=2", "t=0", 1),
		"no lanes":          strings.Replace(hashed, "p=1", "p=0", 1),
		"lanes over a byte": strings.Replace(hashed, "p=1", "p=257", 1),
		"a missing part":    hashed[:strings.LastIndex(hashed, "$")],
		"a short hash":      hashed[:strings.LastIndex(hashed, "$")+5],
		"trailing bytes":    hashed + "=",
	} {
		t.Run("refuse a hash with "+what, func(t *testing.T) {
			ok, err := secret.VerifyPasswordContext(t.Context(), bad, "correct horse")
			if ok || !errors.Is(err, secret.ErrHash) {
				t.Fatalf("got %v, %v", ok, err)
			}
		})
	}
}

func BenchmarkVerifyPassword(b *testing.B) {
	hashed := secret.HashPassword("correct horse")
	for b.Loop() {
		secret.VerifyPassword(hashed, "correct horse")
	}
}

func BenchmarkDigest(b *testing.B) {
	ring, key := secret.New(), []byte(secret.Generate(secret.APIKey))
	room := make([]secret.Digest, 0, 2)
	b.ReportAllocs()
	for b.Loop() {
		room = ring.AppendDigests(room[:0], key)
	}
}
