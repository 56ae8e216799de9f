package measure

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
)

var _ prometheus.Collector = (*Meter)(nil)

var (
	callsDesc    = desc("calls_total", "Calls that were answered, by service, refusal code (empty: let through) and class of status.", "service", "code", "status")
	tookDesc     = desc("call_seconds", "Time until the answer began, upstream's included.", "service")
	wholeDesc    = desc("exchange_seconds", "Time until all of the answer was handed to the client. Tunnels are not in it.", "service")
	upstreamDesc = desc("upstream_seconds", "Time of a call that upstream took until its answer began: to connect, to send and to wait, every try.", "service")
	overheadDesc = desc("overhead_seconds", "Time until the answer began that was not upstream's. Calls whose body was waited for are not in it.")
	decidingDesc = desc("decision_seconds", "Time of a decision. Calls whose body was waited for are not in it.")
	appliedDesc  = desc("projection_apply_seconds", "Time in which a step of the projection, an event or a batch, was put in force.")
	receivedDesc = desc("received_bytes_total", "Bytes of requests' bodies, and of what clients sent through tunnels.", "service")
	sentDesc     = desc("sent_bytes_total", "Bytes of answers' bodies, and of what clients got through tunnels.", "service")
	brokenDesc   = desc("broken_answers_total", "Answers that ended before they were whole, by whose fault it was: upstream or client.", "service", "by")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tidegate_gateway_"+name, help, labels, nil)
}

// Describe is prometheus.Collector's.
func (m *Meter) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		callsDesc, tookDesc, wholeDesc, upstreamDesc, overheadDesc, decidingDesc, appliedDesc, receivedDesc, sentDesc, brokenDesc,
	} {
		to <- d
	}
}

// Collect is prometheus.Collector's. It forgets services that are not known any
// more.
func (m *Meter) Collect(to chan<- prometheus.Metric) {
	to <- m.overhead.metric(overheadDesc)
	to <- m.deciding.metric(decidingDesc)
	to <- m.Applied.metric(appliedDesc)
	m.nowhere.collect(to, "")
	for service, s := range m.services.All() {
		if m.Known != nil && !m.Known(service) {
			m.services.Delete(service)
			continue
		}
		s.collect(to, service)
	}
}

// collect leaves out codes and classes that never were.
func (s *series) collect(to chan<- prometheus.Metric, service string) {
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{service}, labels...)...)
	}
	for class := range s.passed {
		if n := s.passed[class].Load(); n > 0 {
			count(callsDesc, n, "", classes[class])
		}
	}
	for place := range s.refused {
		if n := s.refused[place].Load(); n > 0 {
			count(callsDesc, n, string(codes[place]), class(codes[place]))
		}
	}
	to <- s.took.metric(tookDesc, service)
	if service == "" {
		return
	}
	to <- s.whole.metric(wholeDesc, service)
	to <- s.upstream.metric(upstreamDesc, service)
	count(receivedDesc, s.received.Load())
	count(sentDesc, s.sent.Load())
	count(brokenDesc, s.broken.Load(), "upstream")
	count(brokenDesc, s.cancelled.Load(), "client")
}

func class(c access.Code) string { return strconv.Itoa(authz.Status(c)/100) + "xx" }
