// Package measure counts what the gateway does.
//
// The data path adds to atomic numbers that are there already, one set a service:
// it takes no lock and no memory but for the first call of a service. Everything
// that metrics need besides is made when they are read.
//
// No number is kept by consumer or credential: there may be millions of them, and
// their names are nobody's business who reads metrics. Services are in the metrics
// for as long as they are known.
package measure

import (
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/proxy"
)

// codes are those with which calls are refused, and code their places. A code
// that is not among them is counted in the last place, as "other".
var (
	codes = append(authz.Codes(), "other")
	code  = func() map[access.Code]int {
		places := map[access.Code]int{}
		for i, c := range codes {
			places[c] = i
		}
		return places
	}()
)

// classes are those of an answer's status, by its first digit.
var classes = [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Meter counts.
type Meter struct {
	// Known says whether a service is to stay in the metrics. Nil: all are.
	Known func(service string) bool
	// Applied is how long steps of the projection took.
	Applied *Histogram

	overhead, deciding *Histogram
	nowhere            *series // calls of no service
	services           *xsync.Map[string, *series]
}

// series is the numbers of one service.
type series struct {
	passed            [len(classes)]atomic.Uint64 // let through, by class of status
	refused           []atomic.Uint64             // by code
	took, upstream    *Histogram
	whole             *Histogram
	sent, received    atomic.Uint64
	broken, cancelled atomic.Uint64
}

// New makes a meter on which everything is 0.
func New() *Meter {
	return &Meter{
		Applied: NewHistogram(own), overhead: NewHistogram(own), deciding: NewHistogram(own),
		nowhere: newSeries(), services: xsync.NewMap[string, *series](),
	}
}

func newSeries() *series {
	return &series{refused: make([]atomic.Uint64, len(codes)), took: NewHistogram(calls), upstream: NewHistogram(calls), whole: NewHistogram(calls)}
}

// of answers the numbers of a service.
func (m *Meter) of(service string) *series {
	if service == "" {
		return m.nowhere
	}
	if s, ok := m.services.Load(service); ok {
		return s
	}
	s, _ := m.services.LoadOrStore(service, newSeries())
	return s
}

// Answered counts a call whose answer begins.
func (m *Meter) Answered(o proxy.Observation) {
	s := m.of(o.Service)
	if o.Code == access.Allowed {
		class := o.Status / 100
		if class >= len(classes) {
			class = 0
		}
		s.passed[class].Add(1)
	} else {
		place, known := code[o.Code]
		if !known {
			place = len(codes) - 1
		}
		s.refused[place].Add(1)
	}
	s.took.Observe(o.Took)
	if o.Upstream > 0 {
		s.upstream.Observe(o.Upstream)
	}
	if o.Deciding > 0 {
		m.deciding.Observe(o.Deciding)
		m.overhead.Observe(o.Took - o.Upstream)
	}
}

// Ended counts what came of a call whose answer began.
func (m *Meter) Ended(e proxy.Ending) {
	s := m.of(e.Service)
	if !e.Tunnel {
		s.whole.Observe(e.Took)
	}
	s.received.Add(uint64(max(e.Received, 0)))
	s.sent.Add(uint64(max(e.Sent, 0)))
	switch e.Broken {
	case proxy.ByUpstream:
		s.broken.Add(1)
	case proxy.ByClient:
		s.cancelled.Add(1)
	case proxy.ByNobody:
	}
}
