package secret_test

import (
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
)

var kinds = []secret.Kind{secret.APIKey, secret.Password, secret.Secret, secret.ClientSecret}

func TestGeneratedSecrets(t *testing.T) {
	t.Run("have the contract's shape and pass their own check", func(t *testing.T) {
		for _, kind := range kinds {
			for range 200 {
				s := secret.Generate(kind)
				if len(s) != 54 || !strings.HasPrefix(s, string(kind)) {
					t.Fatalf("kind %s: %d characters", kind, len(s))
				}
				if err := secret.Check(s); err != nil {
					t.Fatalf("kind %s: %v", kind, err)
				}
				if got, ok := secret.KindOf(s); !ok || got != kind {
					t.Fatalf("kind %s is seen as %s", kind, got)
				}
			}
		}
	})
	t.Run("are never the same twice", func(t *testing.T) {
		seen := map[string]bool{}
		for range 1000 {
			s := secret.Generate(secret.APIKey)
			if seen[s] {
				t.Fatal("twice the same")
			}
			seen[s] = true
		}
	})
}

// Made by another implementation of the format.
var vectors = []string{
	"tg_k_000000000000000000000000000000000000000000032Xd45", // 0
	"tg_k_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2XqAxl", // 00 01 02 ... 1f
	"tg_k_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp10FKjZZ", // 2^256-1
}

func TestCheck(t *testing.T) {
	for _, s := range vectors {
		if err := secret.Check(s); err != nil {
			t.Errorf("vector %q: %v", s, err)
		}
	}
	good := vectors[1]
	bad := map[string]string{
		"an empty string":                  "",
		"a prefix alone":                   "tg_k_",
		"an unknown prefix":                "tg_x_" + good[5:],
		"one character too few":            good[:53],
		"one character too many":           good + "0",
		"a character outside the alphabet": good[:20] + "-" + good[21:],
		"an umlaut":                        good[:20] + "ü" + good[22:],
		"another kind's prefix":            "tg_s_" + good[5:],
		"two neighbours swapped":           good[:8] + good[9:10] + good[8:9] + good[10:],
		"more than 256 bits":               overflow(),
		"a checksum above 32 bits":         good[:48] + "zzzzzz",
	}
	for what, s := range bad {
		t.Run("refuses "+what, func(t *testing.T) {
			if err := secret.Check(s); !errors.Is(err, secret.ErrFormat) {
				t.Fatalf("got %v", err)
			}
		})
	}
	t.Run("finds every change of one character", func(t *testing.T) {
		for i := 5; i < len(good); i++ {
			other := byte('0')
			if good[i] == other {
				other = '1'
			}
			if secret.Check(good[:i]+string(other)+good[i+1:]) == nil {
				t.Fatalf("a change at %d passes", i)
			}
		}
	})
	t.Run("allocates nothing for a good one", func(t *testing.T) {
		if n := testing.AllocsPerRun(100, func() { _ = secret.Check(good) }); n != 0 {
			t.Fatalf("%v allocations", n)
		}
	})
}

// overflow answers 2^256 with a checksum that is right.
func overflow() string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	head := "tg_k_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp2"
	sum, tail := crc32.ChecksumIEEE([]byte(head)), ""
	for range 6 {
		tail = alphabet[sum%62:][:1] + tail
		sum /= 62
	}
	return head + tail
}

func TestHint(t *testing.T) {
	cases := map[string]struct{ key, hint string }{
		"a generated key shows its kind and four at each end":    {vectors[1], "tg_k_003a...qAxl"},
		"an imported key of 16 shows a quarter":                  {"abcdefghijklmnop", "ab...op"},
		"a long imported key shows eight":                        {strings.Repeat("x", 500) + "wxyz", "xxxx...wxyz"},
		"what is shorter than eight shows nothing":               {"hunter2", "..."},
		"a key that only looks generated is treated as imported": {"tg_k_short123456", "tg...56"},
		"characters are not cut in half":                         {"äöüäöüäö", "ä...ö"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := secret.Hint(c.key); got != c.hint {
				t.Fatalf("got %q, want %q", got, c.hint)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range vectors {
		f.Add(s)
	}
	f.Add(overflow())
	f.Fuzz(func(t *testing.T, s string) {
		hint := secret.Hint(s)
		if len(s) >= 8 && strings.Contains(hint, s) {
			t.Fatalf("the hint of %q shows it whole", s)
		}
		if secret.Check(s) != nil {
			return
		}
		if _, ok := secret.KindOf(s); !ok || len(s) != 54 || secret.Check(strings.ToLower(s)) == nil && strings.ToLower(s) != s {
			t.Fatalf("%q passes", s)
		}
	})
}
