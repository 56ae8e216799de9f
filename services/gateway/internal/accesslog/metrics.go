package accesslog

import "github.com/prometheus/client_golang/prometheus"

// Metrics tells how many lines there were. A log that is off has none of either
// kind.
func (l *Log) Metrics() []prometheus.Collector {
	count := func(name, help string, of func(*Log) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 {
			if l == nil {
				return 0
			}
			return float64(of(l))
		})
	}
	return []prometheus.Collector{
		count("tidegate_gateway_access_log_lines_total", "Lines of the access log that were written.", func(l *Log) int64 { return l.written.Load() }),
		count("tidegate_gateway_access_log_dropped_total", "Lines of the access log that were not written: too many waited, or the file refused.", (*Log).Dropped),
	}
}
