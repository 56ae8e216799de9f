package proxy

import "github.com/prometheus/client_golang/prometheus"

// Metrics tells of what is open and of the memory of bodies.
func (p *Proxy) Metrics() []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	return []prometheus.Collector{
		gauge("tidegate_gateway_bodies_ahead_bytes", "Memory of the bodies that are read before the decision about their calls.",
			func() float64 { return float64(p.BodiesAhead()) }),
		gauge("tidegate_gateway_connections", "Connections of clients that are open, without tunnels.",
			func() float64 { return float64(p.server.GetOpenConnectionsCount()) }),
		gauge("tidegate_gateway_tunnels", "Upgraded connections that are open.",
			func() float64 { return float64(p.tunnels.Load()) }),
	}
}
