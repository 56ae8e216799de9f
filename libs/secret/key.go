package secret

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"
)

// Use is what a key of the ring is for.
type Use string

// Sealing keys encrypt; peppers key the digests of generated secrets.
const (
	Sealing Use = "sealing"
	Pepper  Use = "pepper"
)

const keySize = 32 // bytes, of both uses

// key is one key as it rests in the file.
type key struct {
	ID        string    `json:"id"`
	Use       Use       `json:"use"`
	Active    bool      `json:"active"`
	CreatedAt time.Time `json:"created_at"`
	Key       []byte    `json:"key"`
}

func newKey(use Use, active bool) key {
	return key{
		ID:        string(use[:1]) + "-" + hex.EncodeToString(random(6)),
		Use:       use,
		Active:    active,
		CreatedAt: time.Now().UTC().Truncate(time.Second),
		Key:       random(keySize),
	}
}

// fresh answers the keys of a new ring.
func fresh() []key { return []key{newKey(Sealing, true), newKey(Pepper, true)} }

// validate says what is wrong with a set of keys, never what they are.
func validate(all []key) error {
	active, seen := map[Use]int{}, map[string]bool{}
	peppers := 0
	for _, k := range all {
		switch {
		case k.ID == "" || len(k.ID) > maxKeyID:
			return fmt.Errorf("%w: a key's id must have 1 to %d characters", ErrRing, maxKeyID)
		case seen[k.ID]:
			return fmt.Errorf("%w: key %q is there twice", ErrRing, k.ID)
		case k.Use != Sealing && k.Use != Pepper:
			return fmt.Errorf("%w: key %q has the unknown use %q", ErrRing, k.ID, k.Use)
		case len(k.Key) != keySize:
			return fmt.Errorf("%w: key %q must have %d bytes", ErrRing, k.ID, keySize)
		}
		seen[k.ID] = true
		if k.Active {
			active[k.Use]++
		}
		if k.Use == Pepper {
			peppers++
		}
	}
	for _, use := range []Use{Sealing, Pepper} {
		if active[use] != 1 {
			return fmt.Errorf("%w: it must have exactly one active %s key, has %d", ErrRing, use, active[use])
		}
	}
	if peppers > maxPeppers {
		return fmt.Errorf("%w: it has %d peppers, at most %d may be live", ErrRing, peppers, maxPeppers)
	}
	return nil
}

// maxPeppers: one, and a second only while it replaces the first.
const maxPeppers = 2

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it crashes the program instead
	return b
}
