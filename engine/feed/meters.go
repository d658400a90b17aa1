package feed

import (
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
)

// meters are the metrics of the feed. They are registered once, so that each exists
// with 0 from the start.
type meters struct {
	set     *metrics.Set
	records *metrics.Counter
	decode  []*metrics.Counter // by codec.Reason
	latency *metrics.PrometheusHistogram
}

// readBounds are the bucket bounds of the read latency, in seconds.
var readBounds = []float64{.001, .002, .005, .01, .025, .05, .1, .15, .2, .25, .5, 1, 2.5, 5, 10}

// observeAge records the age of the oldest entry of a read, from its arrival in
// Redis. difference is the clock difference in ms. An error in it may make the age
// negative, which counts as 0.
func (m *meters) observeAge(oldest redis.ID, now time.Time, difference int64) {
	m.latency.Update(max(0, float64(now.UnixMilli()-int64(oldest.Ms)-difference)/1000))
}

func newMeters(set *metrics.Set) meters {
	m := meters{
		set:     set,
		records: set.GetOrCreateCounter("processor_live_records_total"),
		latency: set.GetOrCreatePrometheusHistogramExt("processor_live_read_latency_seconds", readBounds),
	}
	for _, reason := range codec.Reasons() {
		for len(m.decode) <= int(reason) {
			m.decode = append(m.decode, nil)
		}
		m.decode[reason] = set.GetOrCreateCounter(fmt.Sprintf("processor_live_decode_errors_total{reason=%q}", reason))
	}
	return m
}

// streamMeters are the metrics of one stream.
type streamMeters struct {
	lag     *metrics.Gauge   // ms
	clock   *metrics.Gauge   // difference, ms
	failed  *metrics.Counter // reads that failed
	resumed *metrics.Counter // how often the group was set back
	skipped *metrics.Counter // entries that were too large to be read
}

func (m *meters) stream(key string) streamMeters {
	name := func(metric string) string { return fmt.Sprintf("%s{stream=%q}", metric, key) }
	return streamMeters{
		lag:     m.set.GetOrCreateGauge(name("processor_live_stream_lag_ms"), nil),
		clock:   m.set.GetOrCreateGauge(name("processor_live_stream_clock_difference_ms"), nil),
		failed:  m.set.GetOrCreateCounter(name("processor_live_stream_read_errors_total")),
		resumed: m.set.GetOrCreateCounter(name("processor_live_stream_resumes_total")),
		skipped: m.set.GetOrCreateCounter(name("processor_live_stream_skipped_total")),
	}
}
