package feed

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
)

// meters are the metrics of the room, registered once so that each is there
// with 0 from the start.
type meters struct {
	set     *metrics.Set
	records *metrics.Counter
	decode  []*metrics.Counter // by codec.Reason
}

func newMeters(set *metrics.Set) meters {
	m := meters{set: set, records: set.GetOrCreateCounter("processor_live_records_total")}
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
	failed  *metrics.Counter // reads that failed
	resumed *metrics.Counter // times that the group was set back
}

func (m *meters) stream(key string) streamMeters {
	name := func(metric string) string { return fmt.Sprintf("%s{stream=%q}", metric, key) }
	return streamMeters{
		lag:     m.set.GetOrCreateGauge(name("processor_live_stream_lag_ms"), nil),
		failed:  m.set.GetOrCreateCounter(name("processor_live_stream_read_errors_total")),
		resumed: m.set.GetOrCreateCounter(name("processor_live_stream_resumes_total")),
	}
}
