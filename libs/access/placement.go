package access

import (
	"cmp"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tidegate-io/tidegate/events/credential"
)

// Placement is where in a request a credential is. Names of headers are in
// their canonical form ("X-Api-Key").
type Placement struct {
	In   string // header, query, cookie or body
	Name string
}

// Place is a placement with the types of the credentials that may be there.
type Place struct {
	Placement
	Types Types
}

// Types is a set of credential types.
type Types uint8

// order gives each type its bit.
var order = [...]string{credential.TypeAPIKey, credential.TypeBasic, credential.TypeJWT, credential.TypeHMAC, credential.TypeOAuth2}

// TypesOf answers the set of the types named; names that are not known are in no
// set.
func TypesOf(names ...string) Types {
	var set Types
	for _, each := range names {
		if i := slices.Index(order[:], each); i >= 0 {
			set |= 1 << i
		}
	}
	return set
}

// Has says whether all of the other set's types, of which there is at least
// one, are in this one.
func (t Types) Has(other Types) bool { return other != 0 && t&other == other }

// Names answers the types in a fixed order.
func (t Types) Names() []string {
	var names []string
	for i, each := range order {
		if t&(1<<i) != 0 {
			names = append(names, each)
		}
	}
	return names
}

// placementOf answers the canonical form of a credential's placement.
func placementOf(p credential.Placement) Placement {
	if p.In == "header" {
		p.Name = textproto.CanonicalMIMEHeaderKey(p.Name)
	}
	return Placement{In: p.In, Name: p.Name}
}

// matches compares with the placement that a call used.
func (p Placement) matches(used Placement) bool {
	return p == used || p.In == "header" && used.In == "header" && strings.EqualFold(p.Name, used.Name)
}

// Placements answers every place where the credential of a call may be, in
// order. It holds places of credentials that are suspended, expired or revoked
// too: their callers are told so. The slice is shared: do not change it.
func (s *Snapshot) Placements() []Place { return s.places.list() }

// Placed answers the types of the credentials that may be in one place; the
// name of a header in canonical form.
func (s *Snapshot) Placed(at Placement) Types {
	if p := s.place(at); p != nil {
		return Types(p.types.Load())
	}
	return 0
}

func (s *Snapshot) place(at Placement) *place {
	for p := s.places.probe(s.hashPlacement(at)); p.next(); {
		if p.value.Placement == at {
			return p.value
		}
	}
	return nil
}

func (s *Snapshot) hashPlacement(at Placement) uint64 { return mix(s.hash(at.In), s.hash(at.Name)) }

// places counts the credentials in each place, revoked ones too.
type places struct {
	table[place]
	generation atomic.Uint64
	listed     atomic.Pointer[placeList]
}

type place struct {
	Placement
	count [len(order)]int // the writer's
	types atomic.Uint32
}

// placeList is all places as of a generation.
type placeList struct {
	generation uint64
	all        []Place
}

// count adds credentials of a type to a place, or takes them away.
func (s *Snapshot) count(at Placement, types Types, by int) {
	p := s.place(at)
	if p == nil {
		p = &place{Placement: at}
		s.places.put(s.hashPlacement(at), nil, p)
	}
	var now Types
	for i := range order {
		if types&(1<<i) != 0 {
			p.count[i] += by
		}
		if p.count[i] > 0 {
			now |= 1 << i
		}
	}
	if Types(p.types.Swap(uint32(now))) != now {
		s.places.generation.Add(1)
	}
}

// list answers all places. The generation is read before them, so that a list is
// never taken for newer than it is.
func (p *places) list() []Place {
	generation := p.generation.Load()
	if held := p.listed.Load(); held != nil && held.generation == generation {
		return held.all
	}
	var all []Place
	for each := range p.all {
		if types := Types(each.types.Load()); types != 0 {
			all = append(all, Place{Placement: each.Placement, Types: types})
		}
	}
	slices.SortFunc(all, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.Name, b.Name))
	})
	p.listed.Store(&placeList{generation: generation, all: all})
	return all
}
