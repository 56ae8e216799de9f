package material_test

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

func digest(n int) [32]byte { return sha256.Sum256(fmt.Append(nil, n)) }

func TestTheIndexAnswersAsAMapWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		index := material.NewIndex()
		type found struct {
			credential string
			version    int
		}
		model, holder := map[[32]byte]found{}, map[string][32]byte{}
		number := rapid.IntRange(0, 400)
		for range rapid.IntRange(1, 3000).Draw(t, "steps") {
			n := number.Draw(t, "n")
			credential, version := fmt.Sprintf("cred_%d", n/2), n%2
			key := fmt.Sprintf("%s.%d", credential, version)
			if rapid.Bool().Draw(t, "put") {
				d := digest(n + 1000*rapid.IntRange(0, 1).Draw(t, "pepper"))
				delete(model, holder[key])
				model[d], holder[key] = found{credential, version}, d
				index.Put(material.KeyOf(key), credential, version, d)
			} else {
				delete(model, holder[key])
				delete(holder, key)
				index.Remove(material.KeyOf(key))
			}
		}
		if index.Len() != len(model) {
			t.Fatalf("%d entries, want %d", index.Len(), len(model))
		}
		for n := range 2000 {
			d := digest(n)
			credential, version, ok := index.Lookup(&d)
			if want, wanted := model[d]; ok != wanted || want != (found{credential, version}) {
				t.Fatalf("digest %d: got %s.%d %v, want %v %v", n, credential, version, ok, want, wanted)
			}
		}
	})
}

func TestReadersNeverMissWhatStands(t *testing.T) {
	index := material.NewIndex()
	standing := digest(-1)
	index.Put(material.KeyOf("stands.1"), "stands", 1, standing)
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				if credential, version, ok := index.Lookup(&standing); !ok || credential != "stands" || version != 1 {
					t.Error("missed")
					return
				}
			}
		})
	}
	for n := range 50000 {
		index.Put(material.KeyOf(fmt.Sprintf("c%d.1", n%5000)), fmt.Sprintf("c%d", n%5000), 1, digest(n))
		if n%3 == 0 {
			index.Remove(material.KeyOf(fmt.Sprintf("c%d.1", n%5000)))
		}
	}
	stop.Store(true)
	readers.Wait()
}

// A secret that is digested again is put under the newer pepper; who looks under
// both, and under the newer one again, finds it whatever the moment.
func TestADigestIsNeverMissingWhileAnotherReplacesIt(t *testing.T) {
	index := material.NewIndex()
	key := material.KeyOf("moves.1")
	var newest atomic.Int64
	index.Put(key, "moves", 1, digest(0))
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				n := int(newest.Load())
				found := false
				for _, d := range [][32]byte{digest(n + 1), digest(n), digest(n + 1)} {
					_, _, ok := index.Lookup(&d)
					found = found || ok
				}
				if !found && int(newest.Load()) == n {
					t.Error("missed")
					return
				}
			}
		})
	}
	for n := 1; n <= 50000; n++ {
		index.Put(key, "moves", 1, digest(n))
		newest.Store(int64(n))
	}
	stop.Store(true)
	readers.Wait()
}

func TestALookupAllocatesNothing(t *testing.T) {
	index := material.NewIndex()
	d := digest(1)
	index.Put(material.KeyOf("c.1"), "c", 1, d)
	if n := testing.AllocsPerRun(100, func() { index.Lookup(&d) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestProofsAreFoundByCredential(t *testing.T) {
	p := material.NewProofs()
	p.Put("a", material.Proof{Version: 1, Hash: "one"})
	p.Put("a", material.Proof{Version: 2, Hash: "two"})
	p.Put("a", material.Proof{Version: 2, Hash: "two again"})
	p.Put("b", material.Proof{Version: 1, Key: []byte("shared")})
	if got := p.Of("a"); len(got) != 2 || got[1].Hash != "two again" {
		t.Errorf("%v", got)
	}
	p.Remove("a", 1)
	if got := p.Of("a"); len(got) != 1 || got[0].Version != 2 {
		t.Errorf("%v", got)
	}
	if hash, ok := p.AnyHash(); !ok || hash != "two again" {
		t.Errorf("%v %v", hash, ok)
	}
	p.Remove("a", 2)
	p.Remove("b", 3)
	if _, ok := p.AnyHash(); ok || p.Len() != 1 {
		t.Error("what is left is not the shared secret alone")
	}
}
