package engine

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/ops"
)

// Rates are measured over the last ratePeriod, with a sample every sampleEvery.
const (
	sampleEvery = time.Second
	ratePeriod  = 10 * time.Second
)

// sample is a reading of the counters.
type sample struct {
	at time.Time
	counters
}

// startRates begins to measure rates. From here on /status and /device look at the
// components, which are complete now.
func (e *Engine) startRates(context.Context) error {
	e.takeSample()
	e.runEvery("rates", sampleEvery, func(context.Context) { e.takeSample() })
	return nil
}

func (e *Engine) takeSample() {
	now := sample{time.Now(), e.readCounters()}
	e.mu.Lock()
	defer e.mu.Unlock()
	if keep := int(ratePeriod / sampleEvery); len(e.samples) > keep {
		e.samples = append(e.samples[:0], e.samples[len(e.samples)-keep:]...)
	}
	e.samples = append(e.samples, now)
}

// measured returns the first and the last sample; ok is false until the engine has
// started.
func (e *Engine) measured() (first, last sample, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.samples) == 0 {
		return sample{}, sample{}, false
	}
	return e.samples[0], e.samples[len(e.samples)-1], true
}

// instance returns the instance id, "" until the engine has started.
func (e *Engine) instance() string {
	if _, _, started := e.measured(); !started {
		return ""
	}
	return e.cfg.InstanceID
}

// activity is what /status shows of the engine.
func (e *Engine) activity() ops.Activity {
	first, last, started := e.measured()
	if !started {
		return ops.Activity{}
	}
	a := ops.Activity{Lags: e.lags()}
	if s := last.at.Sub(first.at).Seconds(); s > 0 {
		a.RateSeconds = s
		a.Rates = ops.Rates{
			Records: (last.records - first.records) / s, Positions: (last.deliveries - first.deliveries) / s, Rows: (last.rows - first.rows) / s,
		}
	}
	if e.live == nil {
		return a
	}
	stats := e.core.Stats()
	a.Connections, a.Devices, a.OrphanDevices, a.WindowMS = e.live.Connections(), int(stats.Devices), int(stats.OrphanDevices), e.core.Window().Milliseconds()
	a.Topics = e.core.Audiences()
	for _, t := range a.Topics {
		a.Subscriptions += t.Spectators
	}
	if n := len(a.Topics); n > ops.MaxTopics {
		a.Topics, a.TopicsLeftOut = a.Topics[:ops.MaxTopics], n-ops.MaxTopics
	}
	return a
}

// lags reads the lags of the parts that run; reading another one would register it.
func (e *Engine) lags() (list []ops.Lag) {
	for _, reader := range []struct {
		name, metric string
		runs         bool
	}{
		{"live", "processor_live_stream_lag_ms", e.cfg.LiveEnabled},
		{"archive", "processor_archive_lag_ms", e.cfg.ArchiveEnabled},
	} {
		if !reader.runs {
			continue
		}
		for _, stream := range e.cfg.StreamKeys() {
			gauge := e.set.GetOrCreateGauge(fmt.Sprintf("%s{stream=%q}", reader.metric, stream), nil)
			list = append(list, ops.Lag{Reader: reader.name, Stream: stream, MS: int64(gauge.Get())})
		}
	}
	return list
}
