package material_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

func TestAKeyedMACIsTheStandardLibrarys(t *testing.T) {
	memory := material.NewSHA256()
	for _, keySize := range []int{0, 1, 31, 32, 63, 64, 65, 512} {
		key := []byte(strings.Repeat("k", keySize))
		keyed := material.NewKeyed(key)
		for _, size := range []int{0, 1, 55, 56, 64, 1000} {
			message := []byte(strings.Repeat("m", size))
			mac := hmac.New(sha256.New, key)
			mac.Write(message)
			if got := keyed.Append([]byte("before"), memory, message); string(got) != "before"+string(mac.Sum(nil)) {
				t.Errorf("a key of %d bytes, a message of %d: %x", keySize, size, got)
			}
		}
	}
}

func TestAKeyIsReadOnceForEachProof(t *testing.T) {
	p := material.NewProofs()
	p.Put("a", material.Proof{Version: 1, Key: []byte("one")})
	first := p.Of("a")[0].Keyed()
	p.Put("a", material.Proof{Version: 2, Key: []byte("two")})
	if both := p.Of("a"); both[0].Keyed() != first || both[1].Keyed() == first {
		t.Error("what a key was made into is not its proof's own")
	}
	p.Put("a", material.Proof{Version: 1, Key: []byte("another")})
	memory := material.NewSHA256()
	want := material.NewKeyed([]byte("another")).Append(nil, memory, nil)
	if got := p.Of("a")[0].Keyed().Append(nil, memory, nil); string(got) != string(want) {
		t.Error("a MAC is made with a key that was replaced")
	}
}
