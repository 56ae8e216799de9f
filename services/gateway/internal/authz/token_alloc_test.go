//go:build !race

package authz_test

import (
	"testing"

	"github.com/tidegate-io/tidegate/libs/access"
)

func TestADecisionAboutAKnownTokenAllocatesNothing(t *testing.T) {
	all := gatherBearers(t, 10)
	for name, token := range map[string]string{"HS256": all.token(t, 1, 0), "ES256": all.token(t, 0, 0), "an access token": all.signer.AccessToken(t, all.client, nil)} {
		d, call := all.decider(), all.call(token)
		if n := testing.AllocsPerRun(1000, func() {
			if d.Decide(call); call.Code != access.Allowed {
				t.Fatal(name, call.Code)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
