package access

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
)

// Service is what the rule and the gateway know of a service.
type Service struct {
	ID     string
	Status string // draft, published, deprecated or retired
	Definition
	SunsetAt *time.Time

	Timeout time.Duration
	accepts Types
	limited bool     // some plan has a rate or a quota
	live    bool     // its status is one that is routed
	routes  []*Route // while it is routed
	since   int64    // position of the event by which it became routed
	at      *provider
	history
}

// provider is a stable place for what is known of a service, so that others can
// refer to it before anything is.
type provider struct {
	id     string
	number uint32                  // from 1, in order of arrival
	state  atomic.Pointer[Service] // nil until something is known
}

// Definition is what a service's team has written of it, as far as it matters
// here.
type Definition struct {
	Team           string             `json:"team"` // the provider's
	Kind           string             `json:"kind"`
	Routes         []catalog.Route    `json:"routes"`
	Upstreams      []catalog.Upstream `json:"upstreams"`
	Accepts        []string           `json:"accepts"` // credential types
	Plans          []catalog.Plan     `json:"plans"`
	Staleness      catalog.Staleness  `json:"staleness"`
	TimeoutSeconds int                `json:"timeout_seconds"`
}

// The statuses of a service.
const (
	ServiceDraft      = "draft"
	ServicePublished  = "published"
	ServiceDeprecated = "deprecated"
	ServiceRetired    = "retired"
)

// Plan answers a plan by its id; nil when the service no longer has it.
func (v *Service) Plan(id string) *catalog.Plan {
	for i := range v.Plans {
		if v.Plans[i].ID == id {
			return &v.Plans[i]
		}
	}
	return nil
}

// known: the event that began it was folded.
func (v *Service) known() bool { return v.Status != "" }

// AcceptedTypes answers the set of the credential types that it accepts.
func (v *Service) AcceptedTypes() Types { return v.accepts }

// FailClosed says that calls are refused when this gateway's knowledge is older
// than the bound.
func (v *Service) FailClosed() (bound time.Duration, closed bool) {
	return time.Duration(v.Staleness.Seconds) * time.Second, v.Staleness.Mode == "fail-closed"
}

func (v *Service) routed() bool {
	return v.Status == ServicePublished || v.Status == ServiceDeprecated
}

// Service answers what is known of a service, whatever its status.
func (s *Snapshot) Service(id string) (*Service, bool) {
	if at := s.findProvider(s.hash(id), id); at != nil {
		if state := at.state.Load(); state != nil && state.known() {
			return state, true
		}
	}
	return nil, false
}

// Services yields every service that is known, in no order.
func (s *Snapshot) Services(yield func(*Service) bool) {
	for v := range s.eachService {
		if v.known() && !yield(v) {
			return
		}
	}
}

// eachService yields every state, also of what is broken from its first event.
func (s *Snapshot) eachService(yield func(*Service) bool) {
	for at := range s.services.all {
		if v := at.state.Load(); v != nil && !yield(v) {
			return
		}
	}
}

func (s *Snapshot) findProvider(hash uint64, id string) *provider {
	for p := s.services.probe(hash); p.next(); {
		if p.value.id == id {
			return p.value
		}
	}
	return nil
}

// provider answers the place of a service, of which nothing need be known yet.
func (s *Snapshot) provider(id string) *provider {
	hash := s.hash(id)
	at := s.findProvider(hash, id)
	if at == nil {
		s.providers++
		at = &provider{id: strings.Clone(id), number: s.providers}
		s.services.put(hash, nil, at)
	}
	return at
}

func (s *Snapshot) applyService(id string, e events.Envelope, data events.Data) {
	at := s.provider(id)
	next := Service{ID: at.id, at: at}
	if before := at.state.Load(); before != nil {
		if before.met(e) {
			return
		}
		next = *before
	}
	wasRouted := next.routed()
	if next.advance(e, data) && next.fold(data) {
		next.rest(e)
		if next.routed() && !wasRouted {
			next.since = e.Position
		}
	}
	s.putService(at, &next)
}

// putService derives what follows from a definition and puts all in force.
func (s *Snapshot) putService(at *provider, next *Service) {
	next.live = next.routed()
	next.accepts = TypesOf(next.Accepts...)
	next.limited = slices.ContainsFunc(next.Plans, func(p catalog.Plan) bool { return p.Rate != nil || p.Quota != nil })
	next.Timeout = time.Duration(next.TimeoutSeconds) * time.Second
	next.routes = routesOf(next)
	before := at.state.Swap(next)
	if before != nil {
		s.sum.forget(before)
	}
	s.sum.remember(next)
	s.reroute(before, next)
}

// fold answers whether the event says anything to the rule.
func (v *Service) fold(data events.Data) bool {
	if d, ok := data.(catalog.Drafted); ok && !v.known() {
		v.Status = ServiceDraft
		v.Definition = Definition{
			Team: d.ProviderTeam, Kind: d.Kind, Routes: d.Routes, Upstreams: d.Upstreams, Accepts: d.Accepts,
			Plans: d.Plans, Staleness: d.Staleness, TimeoutSeconds: d.TimeoutSeconds,
		}
		return true
	}
	if !v.known() || v.Status == ServiceRetired {
		return false
	}
	switch d := data.(type) {
	case catalog.Updated:
		v.Kind = d.Kind.Apply(v.Kind)
		v.Routes = d.Routes.Apply(v.Routes)
		v.Upstreams = d.Upstreams.Apply(v.Upstreams)
		v.Accepts = d.Accepts.Apply(v.Accepts)
		v.Plans = d.Plans.Apply(v.Plans)
		v.Staleness = d.Staleness.Apply(v.Staleness)
		v.TimeoutSeconds = d.TimeoutSeconds.Apply(v.TimeoutSeconds)
		return d.Kind != nil || d.Routes != nil || d.Upstreams != nil || d.Accepts != nil || d.Plans != nil ||
			d.Staleness != nil || d.TimeoutSeconds != nil
	case catalog.Published:
		v.Status, v.SunsetAt = ServicePublished, nil
	case catalog.Unpublished:
		v.Status, v.SunsetAt = ServiceDraft, nil
	case catalog.Deprecated:
		v.Status, v.SunsetAt = ServiceDeprecated, d.SunsetAt
	case catalog.Retired:
		v.Status, v.SunsetAt = ServiceRetired, nil
		v.Definition = Definition{Team: v.Team, Kind: v.Kind}
	default:
		return false
	}
	return true
}
