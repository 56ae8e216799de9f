package bus

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// KeyHolder is a process that holds the key ring, as it is heard.
type KeyHolder struct {
	Service  string // "gateway", or the service's name
	ID       string // of the gateway, or of the service's connection
	Status   string // GatewayLive, GatewayStale or GatewayLost
	KeyIDs   []string
	Active   []string // those it seals and digests with; none of a gateway
	Material int64    // of a gateway: the position that it has applied
}

// serviceMember is a replica of a service as it was last heard.
type serviceMember struct {
	serviceBeat
	seen time.Time
}

// forgetTime is how long a silent replica of a service is told of. Unlike a
// gateway it serves nothing that others must know of.
const forgetTime = 30 * time.Second

// TellKeys has the heartbeats of this connection's service say which keys of the
// ring it has, and which of them it seals and digests with.
func (c *Conn) TellKeys(keys func() (ids, active []string)) { c.keys.Store(&keys) }

// hearKeys remembers a replica that tells of keys. f.mu is held.
func (f *Fleet) hearKeys(beat serviceBeat) {
	if len(beat.KeyIDs) > 0 {
		f.holders[beat.Service+"."+beat.Instance] = serviceMember{serviceBeat: beat, seen: time.Now()}
	}
	maps.DeleteFunc(f.holders, func(_ string, m serviceMember) bool { return time.Since(m.seen) > forgetTime })
}

// KeyHolders answers every gateway, and every replica of a service that seals or
// opens, in the order of their names. A gateway that tells of no key is one whose
// heartbeat was not heard yet.
func (f *Fleet) KeyHolders() []KeyHolder {
	var all []KeyHolder
	for _, g := range f.Gateways() {
		all = append(all, KeyHolder{Service: "gateway", ID: g.ID, Status: g.Status, KeyIDs: g.KeyIDs, Material: g.Material})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.holders {
		status := GatewayLive
		if time.Since(m.seen) > LiveTime {
			status = GatewayLost
		}
		all = append(all, KeyHolder{
			Service: m.Service, ID: m.Instance, Status: status, KeyIDs: slices.Clone(m.KeyIDs), Active: slices.Clone(m.ActiveKeys),
		})
	}
	slices.SortFunc(all, func(a, b KeyHolder) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.ID, b.ID))
	})
	return all
}
