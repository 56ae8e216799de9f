package access

import (
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
)

// Consumer is what the rule knows of a consumer.
type Consumer struct {
	ID       string
	Team     string
	CustomID string  // the label custom_id
	Limits   *Limits // nil: none
	status   consumerStatus
	history
}

type consumerStatus uint8

const (
	consumerUnknown consumerStatus = iota
	consumerActive
	consumerSuspended
	consumerDeleted
)

func (s consumerStatus) String() string {
	return [...]string{"unknown", "active", "suspended", "deleted"}[s]
}

// known: the event that began it was folded.
func (c *Consumer) known() bool { return c.status != consumerUnknown }

// Status answers active, suspended or deleted.
func (c *Consumer) Status() string { return c.status.String() }

// party is a stable place for what is known of a consumer, so that others can
// refer to it before anything is. Its standing is what most decisions need of
// the state; reading that alone spares them a trip to memory.
type party struct {
	id       string
	number   uint32 // from 1, in order of arrival
	standing atomic.Uint32
	state    atomic.Pointer[Consumer] // nil until something is known
}

// standing is how far a consumer may call.
type standing uint32

const (
	unknownParty    standing = iota // or deleted, or broken
	openParty                       // from anywhere, as often as it likes
	limitedParty                    // from anywhere
	restrictedParty                 // from some addresses
	suspendedParty
)

func standingOf(c *Consumer) standing {
	switch {
	case !c.known() || c.broken() || c.status == consumerDeleted:
		return unknownParty
	case c.status == consumerSuspended:
		return suspendedParty
	case c.Limits != nil && c.Limits.AllowedIPs != nil:
		return restrictedParty
	case c.Limits != nil && (c.Limits.Rate != nil || c.Limits.Quota != nil):
		return limitedParty
	}
	return openParty
}

// Limits is what applies to all calls of a consumer. Rate and quota are enforced
// by the gateway.
type Limits struct {
	Rate  *consumer.Rate
	Quota *consumer.Quota
	// AllowedIPs is where calls may come from; nil: anywhere. An entry that
	// cannot be read admits nobody.
	AllowedIPs []netip.Prefix
	given      consumer.Limits
}

func limitsOf(given *consumer.Limits) *Limits {
	if given == nil {
		return nil
	}
	l := &Limits{Rate: given.Rate, Quota: given.Quota, given: *given}
	if len(given.AllowedIPs) == 0 {
		return l
	}
	l.AllowedIPs = make([]netip.Prefix, 0, len(given.AllowedIPs))
	for _, text := range given.AllowedIPs {
		if p, ok := parsePrefix(text); ok {
			l.AllowedIPs = append(l.AllowedIPs, p)
		}
	}
	return l
}

// parsePrefix reads a CIDR or a single address. IPv4 in IPv6 is IPv4.
func parsePrefix(text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(a.WithZone(""), a.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// admits says whether calls may come from an address.
func (l *Limits) admits(from netip.Addr) bool {
	if l == nil || l.AllowedIPs == nil {
		return true
	}
	from = from.Unmap().WithZone("")
	for _, p := range l.AllowedIPs {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

// Consumer answers what is known of a consumer.
func (s *Snapshot) Consumer(id string) (*Consumer, bool) {
	if at := s.findParty(s.hash(id), id); at != nil {
		if state := at.state.Load(); state != nil && state.known() {
			return state, true
		}
	}
	return nil, false
}

func (s *Snapshot) findParty(hash uint64, id string) *party {
	for p := s.consumers.probe(hash); p.next(); {
		if p.value.id == id {
			return p.value
		}
	}
	return nil
}

// party answers the place of a consumer, of which nothing need be known yet.
func (s *Snapshot) party(id string) *party {
	hash := s.hash(id)
	at := s.findParty(hash, id)
	if at == nil {
		s.parties++
		at = &party{id: strings.Clone(id), number: s.parties}
		s.consumers.put(hash, nil, at)
	}
	return at
}

// eachConsumer yields every state, also of what is broken from its first event.
func (s *Snapshot) eachConsumer(yield func(*Consumer) bool) {
	for at := range s.consumers.all {
		if c := at.state.Load(); c != nil && !yield(c) {
			return
		}
	}
}

func (s *Snapshot) applyConsumer(id string, e events.Envelope, data events.Data) {
	at := s.party(id)
	next := Consumer{ID: at.id}
	if before := at.state.Load(); before != nil {
		if before.met(e) {
			return
		}
		next = *before
	}
	if next.advance(e, data) && next.fold(data) {
		next.Team = s.word(next.Team)
		next.rest(e)
	}
	s.putConsumer(at, &next)
}

func (s *Snapshot) putConsumer(at *party, next *Consumer) {
	before := at.state.Swap(next)
	at.standing.Store(uint32(standingOf(next)))
	if before != nil {
		s.sum.forget(before)
	}
	s.sum.remember(next)
}

// fold answers whether the event says anything to the rule.
func (c *Consumer) fold(data events.Data) bool {
	if d, ok := data.(consumer.Registered); ok && !c.known() {
		c.Team, c.CustomID, c.Limits = d.Team, d.Labels["custom_id"], limitsOf(d.Limits)
		c.status = consumerActive
		return true
	}
	if !c.known() || c.status == consumerDeleted {
		return false
	}
	switch d := data.(type) {
	case consumer.Updated:
		if d.Labels != nil {
			c.CustomID = d.Labels.After["custom_id"]
		}
		if d.Limits != nil {
			c.Limits = limitsOf(d.Limits.After)
		}
		return d.Labels != nil || d.Limits != nil
	case consumer.Suspended:
		c.status = consumerSuspended
	case consumer.Resumed:
		c.status = consumerActive
	case consumer.Deleted:
		c.CustomID, c.Limits, c.status = "", nil, consumerDeleted
	default:
		return false
	}
	return true
}
