//go:build !race

package authz_test

import (
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
)

// With the race detector pools forget on purpose, so this is for builds without.
func TestADecisionAboutAnAPIKeyAllocatesNothing(t *testing.T) {
	c := gather(1000)
	d, call := c.decider(), c.call(c.keys[0])
	call.At = time.Now()
	if n := testing.AllocsPerRun(1000, func() {
		if d.Decide(call); call.Code != access.Allowed {
			t.Fatal(call.Code)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
