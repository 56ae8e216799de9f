//go:build !race

package secret_test

import (
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// The race detector empties pools at random, so this is tested without it.
func TestDigestingAllocatesNothing(t *testing.T) {
	ring, key := secret.New(), []byte(secret.Generate(secret.APIKey))
	room := make([]secret.Digest, 0, 2)
	ring.Digest(key)
	if n := testing.AllocsPerRun(1000, func() { room = ring.AppendDigests(room[:0], key) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
