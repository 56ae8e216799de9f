package authn

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// counted verifies a password without its cost, and counts.
func counted(right string) (p *passwords, computed *atomic.Int64) {
	p, computed = newPasswords(), new(atomic.Int64)
	p.slowly = func(_, password string) bool {
		computed.Add(1)
		time.Sleep(20 * time.Millisecond)
		return password == right
	}
	return p, computed
}

func proof(t *testing.T, all *material.Proofs, version int, hash string) *material.Proof {
	t.Helper()
	all.Put("cred_1", material.Proof{Version: version, Hash: hash})
	of := all.Of("cred_1")
	return &of[len(of)-1]
}

func TestASlowHashIsComputedOnceForEachVersion(t *testing.T) {
	p, computed := counted("right")
	all := material.NewProofs()
	first := proof(t, all, 1, "hash")
	var together sync.WaitGroup
	for range 50 {
		together.Go(func() {
			if !p.verify(first, "right") {
				t.Error("the right password is refused")
			}
		})
	}
	together.Wait()
	all.Put("cred_1", material.Proof{Version: 2, Hash: "another hash"})
	all.Remove("cred_1", 2) // what else changes does not matter
	of := all.Of("cred_1")
	if !p.verify(&of[0], "right") || computed.Load() != 1 {
		t.Errorf("it was computed %d times for one version", computed.Load())
	}
	if renewed := proof(t, all, 2, "hash"); !p.verify(renewed, "right") || computed.Load() != 2 {
		t.Errorf("it was computed %d times for two versions", computed.Load())
	}
}

func TestAWrongPasswordIsNeverBelieved(t *testing.T) {
	p, computed := counted("right")
	first := proof(t, material.NewProofs(), 1, "hash")
	for _, password := range []string{"wrong", "wrong", "", "right", "wrong", "righ", "rightx"} {
		if p.verify(first, password) != (password == "right") {
			t.Errorf("%q is judged wrongly", password)
		}
	}
	if computed.Load() != 7 {
		t.Errorf("%d of 7 were computed: a wrong password is remembered", computed.Load())
	}
	if p.verify(first, "right"); computed.Load() != 7 {
		t.Error("a right password is forgotten because of wrong ones")
	}
}
