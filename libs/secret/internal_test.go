package secret

import (
	"bytes"
	"strings"
	"testing"
)

func TestFormatOfKnownBitsIsTheVectorOfAnotherImplementation(t *testing.T) {
	counting := make([]byte, keySize)
	for i := range counting {
		counting[i] = byte(i)
	}
	for want, bits := range map[string][]byte{
		"tg_k_000000000000000000000000000000000000000000032Xd45": make([]byte, keySize),
		"tg_k_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2XqAxl": counting,
		"tg_k_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp10FKjZZ": bytes.Repeat([]byte{0xff}, keySize),
	} {
		if got := format(APIKey, bits); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			return
		}
		if !p.cost.bounded() {
			t.Fatalf("%q is out of bounds", s)
		}
		again, err := parsePHC(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q does not come back: %v", s, err)
		}
	})
}

func FuzzDecodeProof(f *testing.F) {
	f.Add([]byte(`{"kind":"digest","pepper":"p-1","digest":"` + strings.Repeat("A", 43) + `="}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := decodeProof(b); err == nil && p.validate() != nil {
			t.Fatal("an invalid proof passes")
		}
	})
}

func FuzzDecodeRing(f *testing.F) {
	f.Add([]byte(`{"format":1,"keys":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if all, err := decode(b); err == nil {
			(&Ring{}).set(all) // must not panic
		}
	})
}
