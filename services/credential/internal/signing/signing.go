// Package signing holds the rules of the keys that sign access tokens.
//
//	next -> current -> previous -> gone
//
// Each rotation makes a new key next, which is published and does not sign yet;
// the one that was next signs from then on, having been known to every gateway
// since the rotation before; the one that signed verifies on, as previous, until
// the last of its tokens has expired.
//
// No private key reaches this package: they are rows beside the events, which
// Effects erases as soon as a key signs no more.
package signing

import (
	"errors"
	"slices"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
)

// How long a key signs, how long it verifies afterwards when nobody says
// otherwise, and how long one must have been published before it signs.
const (
	Period     = 90 * 24 * time.Hour
	MaxOverlap = 25 * time.Hour // the longest token lives a day; clocks differ
	Notice     = time.Second
	maxKeys    = 16
)

// State is the set of keys: next, current, then previous ones, newest first.
type State struct{ Keys []credential.SigningKey }

// Key is a new key's public half.
type Key struct {
	KID string
	JWK credential.JWK
}

// Command is what can be asked of the keys.
type Command interface{ command() }

// Begin makes the first two keys.
type Begin struct {
	Current, Next Key
	Now           time.Time
}

// Rotate has the next key sign and Next come after it. Replacing is the current
// key as whoever asks saw it. The one that signed verifies on for the overlap;
// without one every earlier key ends at once, and all tokens that it signed.
type Rotate struct {
	Replacing string
	Next      Key
	Overlap   time.Duration
	Now       time.Time
}

// Replace puts two new keys in the place of those whose private halves are lost:
// a restored database has none that were made after its backup.
type Replace struct {
	Replacing     string
	Current, Next Key
	Now           time.Time
}

// Elapse takes keys away whose time is over.
type Elapse struct{ Now time.Time }

func (Begin) command()   {}
func (Rotate) command()  {}
func (Replace) command() {}
func (Elapse) command()  {}

// What the keys refuse.
var (
	ErrNone    = es.Refuse(es.Unavailable, "signing_keys_unavailable", "There are no signing keys yet; try again.")
	ErrTooSoon = es.Refuse(es.Illegal, "rotation_in_progress", "The next key was published only just now: let gateways learn of it first.")
	ErrTooMany = es.Refuse(es.Illegal, "rotation_in_progress", "Too many earlier keys verify still: wait until some have ended, or rotate with overlap_seconds 0, which ends all of them at once.")
	ErrOverlap = es.Refuse(es.Invalid, "validation_failed", "The value is 0 to 90000.").At("body.overlap_seconds")

	// ErrBegun and ErrRotated: another replica or caller was faster.
	ErrBegun   = errors.New("the first keys are there already")
	ErrRotated = errors.New("another rotation was faster")
)

// ID is the aggregate's.
const ID = credential.SigningKeysID

// Decider is the domain of the signing keys.
var Decider = es.Decider[State, Command]{
	Category: "credential",
	Decide:   decide,
	Evolve: func(s State, e events.Data) State {
		if rotated, ok := e.(credential.SigningKeysRotated); ok {
			return State{Keys: rotated.Keys}
		}
		return s
	},
}

// At answers the key in a place; the zero key when there is none.
func (s State) At(status string) credential.SigningKey {
	for _, key := range s.Keys {
		if key.Status == status {
			return key
		}
	}
	return credential.SigningKey{}
}

func decide(s State, c Command) ([]events.Data, error) {
	if c, ok := c.(Begin); ok {
		if len(s.Keys) > 0 {
			return nil, ErrBegun
		}
		return one(fresh(c.Next, credential.KeyNext, c.Now), fresh(c.Current, credential.KeyCurrent, c.Now))
	}
	if len(s.Keys) == 0 {
		return nil, ErrNone
	}
	current, next := s.At(credential.KeyCurrent), s.At(credential.KeyNext)
	switch c := c.(type) {
	case Rotate:
		switch {
		case c.Replacing != current.KID:
			return nil, ErrRotated
		case c.Overlap < 0 || c.Overlap > MaxOverlap:
			return nil, ErrOverlap
		case c.Now.Before(next.Since.Add(Notice)):
			return nil, ErrTooSoon.In(next.Status)
		case c.Overlap > 0 && len(s.Keys) >= maxKeys:
			return nil, ErrTooMany.In(current.Status)
		}
		keys := []credential.SigningKey{fresh(c.Next, credential.KeyNext, c.Now), moved(next, credential.KeyCurrent, c.Now)}
		if c.Overlap > 0 {
			keys = append(keys, ended(current, c.Now, c.Overlap))
			keys = append(keys, s.verifying(c.Now)...)
		}
		return one(keys...)
	case Replace:
		if c.Replacing != current.KID {
			return nil, ErrRotated
		}
		keys := []credential.SigningKey{
			fresh(c.Next, credential.KeyNext, c.Now), fresh(c.Current, credential.KeyCurrent, c.Now), ended(current, c.Now, MaxOverlap),
		}
		return one(append(keys, s.verifying(c.Now)...)...)
	case Elapse:
		keys := append([]credential.SigningKey{next, current}, s.verifying(c.Now)...)
		if len(keys) == len(s.Keys) {
			return nil, nil
		}
		return one(keys...)
	default:
		return nil, errors.New("signing: unknown command")
	}
}

// Over says whether a key verifies no more.
func Over(key credential.SigningKey, at time.Time) bool {
	return key.NotAfter != nil && !at.Before(*key.NotAfter)
}

// verifying answers the previous keys whose time is not over.
func (s State) verifying(at time.Time) []credential.SigningKey {
	return slices.DeleteFunc(slices.Clone(s.Keys), func(key credential.SigningKey) bool {
		return key.Status != credential.KeyPrevious || Over(key, at)
	})
}

func fresh(k Key, status string, now time.Time) credential.SigningKey {
	return credential.SigningKey{KID: k.KID, Status: status, Since: now.UTC(), JWK: k.JWK}
}

func moved(k credential.SigningKey, status string, now time.Time) credential.SigningKey {
	k.Status, k.Since = status, now.UTC()
	return k
}

func ended(k credential.SigningKey, now time.Time, overlap time.Duration) credential.SigningKey {
	k = moved(k, credential.KeyPrevious, now)
	end := now.Add(overlap).UTC()
	k.NotAfter = &end
	return k
}

func one(keys ...credential.SigningKey) ([]events.Data, error) {
	return []events.Data{credential.SigningKeysRotated{Keys: keys}}, nil
}

// MaterialKey names the private half of a key.
func MaterialKey(kid string) string { return ID + "." + kid }

// Effects erases the private halves of keys that sign no more.
func Effects(before, after State) es.Effects {
	var effects es.Effects
	for _, key := range before.Keys {
		if signs(before, key.KID) && !signs(after, key.KID) {
			effects.Material = append(effects.Material, es.Material{Key: MaterialKey(key.KID), Erase: true})
		}
	}
	return effects
}

// signs says whether a key signs, or will.
func signs(s State, kid string) bool {
	return slices.ContainsFunc(s.Keys, func(key credential.SigningKey) bool {
		return key.KID == kid && key.Status != credential.KeyPrevious
	})
}
