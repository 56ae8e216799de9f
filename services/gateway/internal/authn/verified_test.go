package authn

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"
	"time"
)

func sumOf(n int) [sha256.Size]byte {
	return sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

// remember puts a token that is valid for an hour, or has expired.
func remember(c *verifiedCache, n int, expired bool) {
	now := time.Unix(fuzzNow, 0)
	v := &verified{sum: sumOf(n), notBefore: always, notAfter: fuzzNow + 3600}
	if expired {
		v.notAfter = fuzzNow
	}
	c.put(v, now)
}

func known(c *verifiedCache, n int) bool {
	sum := sumOf(n)
	v := c.get(&sum)
	return v != nil && v.sum == sum
}

func TestMemoryIsBounded(t *testing.T) {
	c := newVerifiedCache()
	const most = verifiedWays * verifiedSets
	for n := range 2 * most {
		remember(c, n, false)
	}
	held := 0
	for n := range 2 * most {
		if known(c, n) {
			held++
		}
	}
	if held > most || held < most*9/10 {
		t.Errorf("%d of at most %d", held, most)
	}
}

// Whoever can sign tokens can make any number of good ones. They take each
// other's places: tokens that are in use stay.
func TestAFloodOfGoodTokensLeavesThoseInUse(t *testing.T) {
	c := newVerifiedCache()
	const used = verifiedWays * verifiedSets / 4
	for n := range used {
		remember(c, n, false)
		known(c, n)
	}
	for n := range 4 * verifiedWays * verifiedSets {
		remember(c, used+n, false)
	}
	stayed := 0
	for n := range used {
		if known(c, n) {
			stayed++
		}
	}
	if stayed < used*99/100 {
		t.Errorf("%d of %d stayed", stayed, used)
	}
}

func TestExpiredTokensTakeNobodysPlace(t *testing.T) {
	c := newVerifiedCache()
	const most = verifiedWays * verifiedSets
	for n := range 2 * most {
		remember(c, n, false)
	}
	var held []int
	for n := range 2 * most {
		if known(c, n) {
			held = append(held, n)
		}
	}
	for n := range most {
		remember(c, 2*most+n, true)
	}
	for _, n := range held {
		if !known(c, n) {
			t.Fatal("an expired token took the place of one that is valid")
		}
	}
	c = newVerifiedCache()
	for n := range 2 * most {
		remember(c, n, true)
	}
	remember(c, -1, false)
	if !known(c, -1) {
		t.Error("a valid token got no place among expired ones")
	}
}

func TestAReaderNeverSeesAnothersToken(t *testing.T) {
	c := newVerifiedCache()
	c.odd = 0 // all in one set
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				sum := sumOf(n % 40)
				if v := c.get(&sum); v != nil && v.sum != sum {
					t.Error("another's token")
					return
				}
			}
		})
	}
	for n := range 20000 {
		remember(c, n%40, n%7 == 0)
	}
	close(stop)
	readers.Wait()
}
