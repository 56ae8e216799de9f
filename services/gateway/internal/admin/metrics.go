package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// Metrics are the gateway's on a registry.
type Metrics struct {
	registry prometheus.Registerer
	all      []prometheus.Collector
}

// NewMetrics registers how the projection stands.
func NewMetrics(registry prometheus.Registerer, p *projection.Projection) (*Metrics, error) {
	m := &Metrics{registry: registry}
	return m, m.Add(standing{p})
}

// Add registers metrics of others, which go with these.
func (m *Metrics) Add(all ...prometheus.Collector) error {
	for _, c := range all {
		if err := m.registry.Register(c); err != nil {
			return err
		}
		m.all = append(m.all, c)
	}
	return nil
}

// Close takes the metrics off the registry, for another gateway in this process.
func (m *Metrics) Close() {
	for _, c := range m.all {
		m.registry.Unregister(c)
	}
}

// standing tells how the projection stands when it is asked.
type standing struct{ *projection.Projection }

var (
	positionDesc = prometheus.NewDesc("tidegate_gateway_projection_position", "Last position that is in force.", []string{"source"}, nil)
	lagDesc      = prometheus.NewDesc("tidegate_gateway_projection_lag", "Positions that are announced and not in force.", []string{"source"}, nil)
	ageDesc      = prometheus.NewDesc("tidegate_gateway_projection_age_seconds", "For how long a source may have said what is not known here; -1: since before the start.", []string{"source"}, nil)
	secretsDesc  = prometheus.NewDesc("tidegate_gateway_projection_secrets", "Secrets that can be verified.", nil, nil)
	statusDesc   = prometheus.NewDesc("tidegate_gateway_projection_status", "1 for the status that the projection is in.", []string{"status"}, nil)
)

// Describe tells what is collected.
func (standing) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{positionDesc, lagDesc, ageDesc, secretsDesc, statusDesc} {
		to <- d
	}
}

// Collect reads the projection's report.
func (s standing) Collect(to chan<- prometheus.Metric) {
	r := s.Report()
	for source, position := range r.Applied {
		to <- prometheus.MustNewConstMetric(positionDesc, prometheus.GaugeValue, float64(position), source)
	}
	for source, lag := range r.Lag {
		to <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(lag), source)
	}
	for source, age := range r.AgeSeconds {
		to <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, age, source)
	}
	to <- prometheus.MustNewConstMetric(secretsDesc, prometheus.GaugeValue, float64(r.Secrets))
	for _, status := range []string{projection.Starting, projection.Live, projection.Stale} {
		in := 0.0
		if r.Status == status {
			in = 1
		}
		to <- prometheus.MustNewConstMetric(statusDesc, prometheus.GaugeValue, in, status)
	}
}
