package access

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
)

// binding is all the routes at one address; the first is in force.
//
// The catalogue gives an address to one service at a time. Two can meet here
// only while what one of them gave up could not be read: then the one that can
// be read goes first, else the one that was routed first.
type binding struct {
	address
	routes atomic.Pointer[[]*Route]
}

func (s *Snapshot) binding(hash uint64, at address) *binding {
	for p := s.routes.probe(hash); p.next(); {
		if p.value.address == at {
			return p.value
		}
	}
	return nil
}

// reroute takes a service's routes from where they were and puts them where they
// are. A route that stays is never absent in between.
func (s *Snapshot) reroute(before, next *Service) {
	for _, r := range next.routes {
		s.depth.Store(max(s.depth.Load(), int64(strings.Count(r.prefix, "/"))))
		s.bind(r.address, next.at, r)
	}
	if before == nil {
		return
	}
	for _, r := range before.routes {
		if !slices.ContainsFunc(next.routes, func(n *Route) bool { return n.address == r.address }) {
			s.bind(r.address, next.at, nil)
		}
	}
}

// bind replaces the route that a service has at an address; nil takes it away.
func (s *Snapshot) bind(a address, owner *provider, route *Route) {
	hash := mix(s.hash(a.host), s.hash(a.prefix))
	b := s.binding(hash, a)
	if b == nil {
		b = &binding{address: address{strings.Clone(a.host), strings.Clone(a.prefix)}}
		b.routes.Store(&[]*Route{})
		s.routes.put(hash, nil, b)
	}
	var all []*Route
	for _, r := range *b.routes.Load() {
		if r.service.at != owner {
			all = append(all, r)
		}
	}
	if route != nil {
		all = append(all, route)
	}
	slices.SortFunc(all, func(x, y *Route) int {
		return cmp.Or(
			cmp.Compare(rank(x.service), rank(y.service)),
			cmp.Compare(x.service.since, y.service.since),
			cmp.Compare(x.service.ID, y.service.ID),
		)
	})
	b.routes.Store(&all)
}

func rank(v *Service) int {
	if v.broken() {
		return 1
	}
	return 0
}
