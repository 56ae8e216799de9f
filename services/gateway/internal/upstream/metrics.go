package upstream

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// use counts the connections of all pools of a set.
type use struct {
	open, idle            atomic.Int64
	dialled, failed, used atomic.Int64
}

var (
	connectionsDesc = prometheus.NewDesc("tidegate_gateway_upstream_connections", "Connections to upstreams that are open: busy with an exchange, or idle.", []string{"state"}, nil)
	dialsDesc       = prometheus.NewDesc("tidegate_gateway_upstream_dials_total", "Connections to upstreams that were dialled, by outcome: ok or failed.", []string{"outcome"}, nil)
	reusesDesc      = prometheus.NewDesc("tidegate_gateway_upstream_reuses_total", "Times that an exchange got a connection that had carried another one.", nil, nil)
)

var _ prometheus.Collector = (*Set)(nil)

// Describe is prometheus.Collector's.
func (*Set) Describe(to chan<- *prometheus.Desc) {
	to <- connectionsDesc
	to <- dialsDesc
	to <- reusesDesc
}

// Collect is prometheus.Collector's.
func (s *Set) Collect(to chan<- prometheus.Metric) {
	idle := s.use.idle.Load()
	for _, m := range []struct {
		desc   *prometheus.Desc
		kind   prometheus.ValueType
		value  int64
		labels []string
	}{
		{connectionsDesc, prometheus.GaugeValue, max(s.use.open.Load()-idle, 0), []string{"busy"}},
		{connectionsDesc, prometheus.GaugeValue, idle, []string{"idle"}},
		{dialsDesc, prometheus.CounterValue, s.use.dialled.Load(), []string{"ok"}},
		{dialsDesc, prometheus.CounterValue, s.use.failed.Load(), []string{"failed"}},
		{reusesDesc, prometheus.CounterValue, s.use.used.Load(), nil},
	} {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(m.value), m.labels...)
	}
}
