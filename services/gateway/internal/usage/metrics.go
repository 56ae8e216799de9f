package usage

import "github.com/prometheus/client_golang/prometheus"

// Metrics tells how reporting stands.
func (r *Reporter) Metrics() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tidegate_gateway_uses_dropped_total",
			Help: "Calls that were let through and are in no credential's count.",
		}, func() float64 { return float64(r.cfg.Counter.Dropped() + r.dropped.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tidegate_gateway_uses_waiting",
			Help: "Credentials whose uses could not be reported yet.",
		}, func() float64 { return float64(r.backlog.Load()) }),
	}
}
