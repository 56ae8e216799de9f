package authn

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// A password that was verified is believed for a while, for an argon2id hash
// takes some 20 ms. What is remembered is an HMAC over the hash that it was
// verified against and the password, under a key of this process's own: a
// password that is changed or revoked has another hash, or none, and is not
// found. Wrong passwords are not remembered.
const (
	believedFor = 5 * time.Minute
	believed    = 4096
	// patience bounds the wait for a turn: argon2id runs on as many cores as there
	// are, and no more at once.
	patience = 5 * time.Second
)

type passwordCache struct {
	key   [32]byte
	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
}

func newPasswordCache() *passwordCache {
	c := &passwordCache{until: map[[sha256.Size]byte]time.Time{}}
	_, _ = rand.Read(c.key[:])
	return c
}

// verify says whether a password is the one that was hashed. It takes no context:
// the call that asks is in a buffer that the server uses again, and must not be
// held on to.
func (c *passwordCache) verify(phc, password string) bool {
	known := c.name(phc, password)
	now := time.Now()
	c.mu.Lock()
	until, ok := c.until[known]
	c.mu.Unlock()
	if ok && now.Before(until) {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if right, err := secret.VerifyPasswordContext(ctx, phc, password); !right || err != nil {
		return false
	}
	c.remember(known, now)
	return true
}

func (c *passwordCache) name(phc, password string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, c.key[:])
	_, _ = mac.Write([]byte(phc)) // a PHC string holds no NUL
	_, _ = mac.Write([]byte{0})
	_, _ = mac.Write([]byte(password))
	mac.Sum(sum[:0])
	return sum
}

func (c *passwordCache) remember(known [sha256.Size]byte, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.until) >= believed {
		for other, until := range c.until {
			if now.After(until) {
				delete(c.until, other)
			}
		}
	}
	for other := range c.until {
		if len(c.until) < believed {
			break
		}
		delete(c.until, other) // any one: the map's order is random
	}
	c.until[known] = now.Add(believedFor)
}
