package secret

import "time"

// State is where a key is in its life.
type State string

// The states. Of each use one key is in use; a next one is there to be known by
// everybody before it is activated, and an old one opens and recognises until it
// is retired.
const (
	Next  State = "next"
	InUse State = "active"
	Old   State = "old"
)

// KeyInfo is what may be told of a key: nothing of it is secret.
type KeyInfo struct {
	ID        string
	Use       Use
	State     State
	CreatedAt time.Time
}

// Keys answers every key of the ring, sealing keys first, oldest first.
func (r *Ring) Keys() []KeyInfo { return r.keys.Load().info() }

func (k *keys) info() []KeyInfo {
	var infos []KeyInfo
	for _, use := range []Use{Sealing, Pepper} {
		state := Old
		for _, each := range k.all {
			if each.Use != use {
				continue
			}
			if each.Active {
				state = InUse
			}
			infos = append(infos, KeyInfo{ID: each.ID, Use: use, State: state, CreatedAt: each.CreatedAt})
			if each.Active {
				state = Next // keys are in the order in which they were added
			}
		}
	}
	return infos
}

// ActiveIDs answers the ids of the keys in use, one of each use.
func (r *Ring) ActiveIDs() []string {
	k := r.keys.Load()
	return []string{k.seal.ID, k.peppers[0].id}
}
