package secret_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
)

func TestBcryptHashes(t *testing.T) {
	t.Run("of the reference implementation verify", func(t *testing.T) {
		// Of crypt_blowfish (openwall.com/crypt), wrapper.c.
		for hash, password := range map[string]string{
			"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
			"$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK": "U*U*",
			"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e": "\xff\xff\xa3",
		} {
			if ok, err := secret.VerifyPasswordContext(t.Context(), hash, password); !ok || err != nil {
				t.Fatalf("%s: %v, %v", hash, ok, err)
			}
			if secret.VerifyPassword(hash, password+"x") {
				t.Fatalf("%s: another password verifies", hash)
			}
			if proof, err := secret.HashProof(hash); err != nil || proof.Kind != secret.ProofBcrypt {
				t.Fatalf("%s: %v", hash, err)
			}
		}
	})
	good := "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	for what, bad := range map[string]string{
		"of the version with the fault": strings.Replace(good, "2b", "2x", 1),
		"without a version":             strings.Replace(good, "2b", "2", 1),
		"cheaper than bcrypt knows":     strings.Replace(good, "$05$", "$03$", 1),
		"too dear":                      strings.Replace(good, "$05$", "$15$", 1),
		"without a cost":                strings.Replace(good, "$05$", "$xx$", 1),
		"too short":                     good[:59],
		"too long":                      good + "W",
		"with a foreign character":      good[:30] + "!" + good[31:],
		"that is a prefix alone":        "$2",
	} {
		t.Run("are refused when they are "+what, func(t *testing.T) {
			if ok, err := secret.VerifyPasswordContext(t.Context(), bad, "U*U"); ok || !errors.Is(err, secret.ErrHash) {
				t.Fatalf("got %v, %v", ok, err)
			}
			if _, err := secret.HashProof(bad); !errors.Is(err, secret.ErrHash) {
				t.Fatalf("as a proof: %v", err)
			}
		})
	}
}
