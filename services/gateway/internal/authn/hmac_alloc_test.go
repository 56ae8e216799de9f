//go:build !race

package authn_test

import "testing"

// With the race detector pools forget on purpose, so this is for builds without.
func TestVerifyingASignatureAllocatesNothing(t *testing.T) {
	for _, scheme := range []string{"aksk", "signature", "rfc9421"} {
		for _, size := range []int{0, 1 << 10} {
			c := newSigned(scheme, size)
			c.renew()
			i := 0
			if n := testing.AllocsPerRun(round-1, func() {
				if !c.verified(i) {
					t.Fatal(c.found.Code, c.found.Fault)
				}
				i++
			}); n != 0 {
				t.Errorf("%s with a body of %d bytes: %v allocations", scheme, size, n)
			}
		}
	}
}
