package eventmap

import (
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/shard"
)

// meters are the metrics of the map. Latency and entries are observed when a
// refresh succeeds.
type meters struct {
	latency  *metrics.PrometheusHistogram
	entries  *metrics.Gauge
	failures *metrics.Counter
	leftOut  *metrics.Gauge

	mu   sync.Mutex
	last time.Time // of the last success
}

// refreshBounds are the buckets of the refresh latency, in ms.
var refreshBounds = []float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}

func (m *meters) register(set *metrics.Set) {
	m.latency = set.NewPrometheusHistogramExt("processor_live_device_event_refresh_latency_ms", refreshBounds)
	m.entries = set.NewGauge("processor_live_device_event_entries", nil)
	m.failures = set.NewCounter("processor_live_device_event_refresh_failures_total")
	m.leftOut = set.NewGauge("processor_live_device_event_left_out", nil)
	set.NewGauge("processor_live_device_event_map_age_seconds", m.age)
}

func (m *meters) succeeded(start time.Time, r shard.Roster) {
	devices := make(map[string]struct{}, len(r.Pairs))
	for _, p := range r.Pairs {
		devices[p.Device] = struct{}{}
	}
	now := time.Now()
	m.latency.Update(float64(now.Sub(start).Microseconds()) / 1000)
	m.entries.Set(float64(len(devices)))
	m.mu.Lock()
	m.last = now
	m.mu.Unlock()
}

// age is the time since the last successful refresh, in seconds; -1 before the
// first one.
func (m *meters) age() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last.IsZero() {
		return -1
	}
	return time.Since(m.last).Seconds()
}
