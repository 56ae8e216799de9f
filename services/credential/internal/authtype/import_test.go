package authtype_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

func TestAKeyMayComeAsItsHash(t *testing.T) {
	ring := secret.New()
	plain := "my-own-key-0123456789"
	sum := sha256.Sum256([]byte(plain))
	for _, text := range []string{hex.EncodeToString(sum[:]), strings.ToUpper(hex.EncodeToString(sum[:]))} {
		made, err := authtype.APIKey{}.Issue("cred_1", authtype.Config{"key_sha256": must(json.Marshal(text))})
		if err != nil {
			t.Fatal(err)
		}
		if shown := string(must(json.Marshal(made.Shown))); shown != `{"api_key":null}` || made.Hint != "" || !made.Unique || *made.Digested != sum {
			t.Fatalf("shown %s, hint %q", shown, made.Hint)
		}
		if proof := made.Prove(ring); !bytes.Equal(proof.Digest, secret.DigestProof(ring.Digest([]byte(plain))).Digest) {
			t.Fatal("it is not proved by the digest of the key")
		}
	}
	for name, given := range map[string]string{
		"a short hash":        `{"key_sha256":"abcd"}`,
		"a hash in base64":    `{"key_sha256":"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}`,
		"a hash of 66 digits": `{"key_sha256":"` + strings.Repeat("ab", 33) + `"}`,
		"no hexadecimal":      `{"key_sha256":"` + strings.Repeat("xy", 32) + `"}`,
		"a number":            `{"key_sha256":7}`,
		"key and hash":        `{"key":"` + plain + `","key_sha256":"` + hex.EncodeToString(sum[:]) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := authtype.APIKey{}.Issue("cred_1", config(given))
			refused(t, err, domain.ErrInvalid, "body.config.key_sha256", config(given))
		})
	}
}

func TestWhatAPersonChoseMayComeAsItsHash(t *testing.T) {
	const plain = "correct horse"
	old := string(must(bcrypt.GenerateFromPassword([]byte(plain), bcrypt.MinCost)))
	for name, c := range map[string]struct{ hash, kind string }{
		"argon2id":             {secret.HashPassword(plain), secret.ProofArgon2id},
		"bcrypt":               {old, secret.ProofBcrypt},
		"bcrypt as PHP has it": {"$2y$" + old[4:], secret.ProofBcrypt},
		"bcrypt of 2b":         {"$2b$" + old[4:], secret.ProofBcrypt},
	} {
		for authType, member := range map[authtype.Type]string{authtype.Basic{}: "password", authtype.OAuth2{}: "client_secret"} {
			t.Run(name+" of "+member, func(t *testing.T) {
				given := authtype.Config{member + "_hash": must(json.Marshal(c.hash))}
				made, err := authType.Issue("cred_1", given)
				if err != nil {
					t.Fatal(err)
				}
				proof := made.Prove(secret.New())
				if proof.Kind != c.kind || proof.PHC != c.hash || !secret.VerifyPassword(proof.PHC, plain) || made.Digested != nil || made.Hint != "" {
					t.Fatalf("it is proved by %s, its hint is %q", proof.Kind, made.Hint)
				}
				if shown := string(must(json.Marshal(made.Shown))); !strings.Contains(shown, `"`+member+`":null`) || strings.Contains(string(made.Config), c.hash) {
					t.Fatalf("shown %s, config %s", shown, made.Config)
				}
				rotated, err := authType.Rotate(made.Config, given)
				if err != nil || rotated.Prove(secret.New()).PHC != c.hash {
					t.Fatalf("it cannot be rotated: %v", err)
				}
			})
		}
	}
	for name, hash := range map[string]string{
		"nothing":                  "",
		"an MD5":                   "5f4dcc3b5aa765d61d8327deb882cf99",
		"a SHA-512 crypt":          "$6$saltsalt$" + strings.Repeat("a", 86),
		"argon2i":                  strings.Replace(secret.HashPassword(plain), "argon2id", "argon2i", 1),
		"argon2id beyond bounds":   strings.Replace(secret.HashPassword(plain), "m=19456", "m=1048576", 1),
		"bcrypt that costs 15":     "$2b$15$" + old[7:],
		"bcrypt that costs 3":      "$2b$03$" + old[7:],
		"bcrypt with a known hole": "$2x$" + old[4:],
		"bcrypt cut off":           old[:59],
	} {
		t.Run(name, func(t *testing.T) {
			given := authtype.Config{"password_hash": must(json.Marshal(hash))}
			_, err := authtype.Basic{}.Issue("cred_1", given)
			refused(t, err, domain.ErrInvalid, "body.config.password_hash", given)
		})
	}
	t.Run("password and hash", func(t *testing.T) {
		_, err := authtype.Basic{}.Issue("cred_1", authtype.Config{"password": must(json.Marshal(plain)), "password_hash": must(json.Marshal(old))})
		refused(t, err, domain.ErrInvalid, "body.config.password_hash", nil)
	})
}

func TestWhatIsChosenIsHashedSlowly(t *testing.T) {
	for authType, member := range map[authtype.Type]string{authtype.Basic{}: "password", authtype.OAuth2{}: "client_secret"} {
		made, err := authType.Issue("cred_1", authtype.Config{member: json.RawMessage(`"correct horse"`)})
		if err != nil {
			t.Fatal(err)
		}
		proof := made.Prove(secret.New())
		if proof.Kind != secret.ProofArgon2id || !secret.VerifyPassword(proof.PHC, "correct horse") || made.Digested != nil || made.Hint != "" {
			t.Fatalf("%s is proved by %s, and its hint is %q", member, proof.Kind, made.Hint)
		}
	}
}

func TestAKeyIsMovedToACookieOnlyWhenItsCharactersAreKnown(t *testing.T) {
	ours, err := authtype.APIKey{}.Issue("", nil)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := authtype.APIKey{}.Issue("", config(`{"key":"`+strings.Repeat("k", 512)+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	cookie, query := domain.Placement{In: "cookie", Name: "k"}, domain.Placement{In: "query", Name: "k"}
	for name, c := range map[string]struct {
		to    domain.Placement
		hints []string
		fine  bool
	}{
		"one of ours":           {cookie, []string{ours.Hint}, true},
		"two of ours":           {cookie, []string{ours.Hint, ours.Hint}, true},
		"one that was brought":  {cookie, []string{theirs.Hint}, false},
		"one of each":           {cookie, []string{ours.Hint, theirs.Hint}, false},
		"one that is a hash":    {cookie, []string{""}, false},
		"elsewhere any of them": {query, []string{theirs.Hint, ""}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := (authtype.APIKey{}).Fits(c.to, c.hints...); (err == nil) != c.fine {
				t.Fatalf("judged %v", err)
			}
		})
	}
}
