package access

import (
	"net/netip"
	"strings"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
)

// Consumer is what the rule knows of a consumer.
type Consumer struct {
	ID       string
	Team     string
	CustomID string  // the label custom_id
	Limits   *Limits // nil: none
	cell     *cell[Consumer]
	status   consumerStatus
	history
}

type consumerStatus uint8

const (
	consumerActive consumerStatus = iota
	consumerSuspended
	consumerDeleted
)

func (s consumerStatus) String() string {
	return [...]string{"active", "suspended", "deleted"}[s]
}

// Status answers active, suspended or deleted.
func (c *Consumer) Status() string { return c.status.String() }

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
	if c := s.consumers.get(s.hash(id), id); c != nil {
		if state := c.state.Load(); state != nil && state.known() {
			return state, true
		}
	}
	return nil, false
}

// consumer answers the cell of a consumer, of which nothing need be known yet.
func (s *Snapshot) consumer(id string) *cell[Consumer] {
	hash := s.hash(id)
	c := s.consumers.get(hash, id)
	if c == nil {
		c = &cell[Consumer]{id: strings.Clone(id), hash: hash}
		s.consumers.set(hash, c.id, c)
	}
	return c
}

func (s *Snapshot) applyConsumer(id string, e events.Envelope, data events.Data) {
	at := s.consumer(id)
	next := Consumer{ID: at.id, cell: at}
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

func (s *Snapshot) putConsumer(at *cell[Consumer], next *Consumer) {
	if before := at.state.Swap(next); before != nil {
		s.sum.forget(before)
	}
	s.sum.remember(next)
}

// fold answers whether the event says anything to the rule.
func (c *Consumer) fold(data events.Data) bool {
	if c.status == consumerDeleted {
		return false
	}
	switch d := data.(type) {
	case consumer.Registered:
		c.Team, c.CustomID, c.Limits = d.Team, d.Labels["custom_id"], limitsOf(d.Limits)
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
