package runner

import (
	"math"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/latency"
	"pitwall/bench/report"
)

// figures are the figures of a run, by their key.
type figures map[string]float64

// add adds the figures of o, except those for which there was nothing to divide.
func (f figures) add(o figures) {
	for key, v := range o {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			f[key] = v
		}
	}
}

// figures works out the figures of the run. caughtUp is how long the archive took
// after the last record.
func (r *run) figures(t tally, caughtUp time.Duration) {
	a, b := r.sampler.first, r.sampler.last
	grown := b.metrics.Since(a.metrics)
	h := r.clients.measured()
	f := figures{}
	r.out.Figures, r.out.Counts, r.out.Missing, r.out.Samples = f, t.counts, t.missing, r.sampler.samples
	seconds := b.at.Sub(a.at).Seconds()
	records := float64(r.sampler.late.TotalCount())
	seen := delivered(a, b)
	if len(b.metrics) == 0 {
		seen = float64(h.latency.TotalCount() + h.slow.TotalCount()) // exact, unlike the clients' last status
	}
	f.add(figures{
		"records_per_s":       records / seconds,
		"deliveries_per_s":    seen / seconds,
		"rush_written_p99_ms": 1000 * r.rushed.Quantile("processor_live_delivery_latency_seconds", 0.99),
		"gc_pause_p99_ms":     1000 * grown.Quantile("go_gc_pauses_seconds", 0.99),
	})
	r.addLatency(f, h)
	r.out.Curve = curve(h.latency)
	r.addStages(f, h, grown)
	r.addProcesses(f, seconds, records, seen)
	r.addMetrics(f, grown.Sum, seconds, records)
	r.addArchive(f, grown.Sum, seconds, caughtUp)
	r.addAttacks(f)
	if r.plan.Duration >= time.Minute {
		f.add(figures{
			"rss_slope_mb_per_h":     3600 * slope(r.out.Samples, func(x report.Sample) float64 { return x.RSS }),
			"goroutine_slope_per_h":  3600 * slope(r.out.Samples, func(x report.Sample) float64 { return x.Goroutines }),
			"latency_slope_ms_per_h": 3600 * slope(r.out.Samples, func(x report.Sample) float64 { return x.P99 }),
		})
	}
	if t.fault != "" {
		r.out.Notes = append(r.out.Notes, t.fault)
	}
}

// addLatency adds the latencies, and the times until spectators had their snapshot.
func (r *run) addLatency(f figures, h histograms) {
	join := r.clients.joins()
	for _, q := range []struct {
		key string
		h   latency.Histogram
		at  float64
	}{
		{"latency_p50_ms", h.latency, 50}, {"latency_p90_ms", h.latency, 90}, {"latency_p99_ms", h.latency, 99},
		{"latency_p999_ms", h.latency, 99.9}, {"latency_max_ms", h.latency, 100}, {"slow_p99_ms", h.slow, 99},
		{"join_p50_ms", join, 50}, {"join_p99_ms", join, 99}, {"join_max_ms", join, 100},
		{"calm_p99_ms", r.calm, 99}, {"rush_p99_ms", r.rush, 99},
	} {
		if !q.h.Empty() {
			f[q.key] = q.h.MS(q.at)
		}
	}
}

// addStages adds how long the stages of a position's way took.
func (r *run) addStages(f figures, h histograms, grown gauge.Metrics) {
	f["stage_redis_p99_ms"] = r.sampler.stored.MS(99)
	for _, stage := range []struct{ key, histogram string }{
		{"stage_read", "read"}, {"stage_flush", "flush"}, {"stage_socket", "write"}, {"written", "delivery"},
	} {
		name := "processor_live_" + stage.histogram + "_latency_seconds"
		f.add(figures{stage.key + "_p50_ms": 1000 * grown.Quantile(name, 0.5), stage.key + "_p99_ms": 1000 * grown.Quantile(name, 0.99)})
	}
	r.addClientStage(f, h)
}

// addClientStage adds the last stage, if the kernel has measured it.
func (r *run) addClientStage(f figures, h histograms) {
	if wait := h.wait; !wait.Empty() {
		f.add(figures{"stage_client_p50_ms": wait.MS(50), "stage_client_p99_ms": wait.MS(99)})
	}
	if h.odd > 0 {
		r.out.Notes = append(r.out.Notes, report.Count(h.odd, "read")+" left out of stage_client because the clock was set")
	}
}

// addProcesses adds what the processes and the machine have used.
func (r *run) addProcesses(f figures, seconds, records, seen float64) {
	a, b := r.sampler.first, r.sampler.last
	if r.stack.Engines[0].PID != 0 {
		used := b.engines.Since(a.engines)
		cpu := used.CPU().Seconds()
		f.add(figures{
			"cpu_us_per_record":    cpu * 1e6 / records,
			"cpu_us_per_delivery":  cpu * 1e6 / seen,
			"user_us_per_delivery": used.User.Seconds() * 1e6 / seen,
			"sys_us_per_delivery":  used.Sys.Seconds() * 1e6 / seen,
			"cpu_cores":            cpu / seconds,
			"rss_mb":               float64(b.engines.RSS) / 1e6,
			"rss_peak_mb":          most(r.out.Samples, func(x report.Sample) float64 { return x.RSS }),
		})
		if r.fullRSS > 0 {
			f["rss_per_connection_kb"] = float64(r.fullRSS-r.idleRSS) / 1024 / float64(r.plan.Connections)
		}
	}
	if r.stack.RedisPID() != 0 {
		f["redis_cores"] = b.redis.Since(a.redis).CPU().Seconds() / seconds
	}
	if r.stack.PostgresPID() != 0 {
		f["postgres_cores"] = b.postgres.Since(a.postgres).CPU().Seconds() / seconds
	}
	machine := b.machine.Since(a.machine)
	f.add(figures{
		"steal_percent": 100 * machine.Steal.Seconds() / machine.All().Seconds(),
		"softirq_cores": machine.SoftIRQ.Seconds() / seconds,
		"harness_cores": mean(r.out.Samples, func(x report.Sample) float64 { return x.Harness }),
	})
}

// addMetrics adds what the engine counts. A server in its place counts less.
func (r *run) addMetrics(f figures, sum func(string) float64, seconds, records float64) {
	if len(r.sampler.last.metrics) == 0 {
		return // no private listener is known
	}
	deliveries, writes := sum("processor_live_deliveries_total"), sum("processor_live_writes_total")
	f.add(figures{
		"writes_per_delivery": writes / deliveries,
		"bytes_per_delivery":  sum("processor_live_written_bytes_total") / deliveries,
	})
	if r.plan.Window > 0 && r.plan.Events == 1 {
		f["writes_per_window"] = writes / float64(r.plan.Connections) / (seconds / r.plan.Window.Seconds())
	}
	if r.opt.Peer != "" {
		return
	}
	f.add(figures{
		"allocations_per_record":     sum("go_memstats_mallocs_total") / records,
		"allocated_bytes_per_record": sum("go_memstats_alloc_bytes_total") / records,
		"gc_per_s":                   sum("go_gc_duration_seconds_count") / seconds,
		"ring_overflows":             sum("processor_live_ring_overflows_total"),
		"lagged_snapshots":           sum("processor_live_lagged_snapshots_total"),
		"bodies_built":               sum("processor_live_bodies_built_total"),
		"accept_pauses":              sum("processor_live_accept_pauses_total"),
		"stream_lag_max_ms":          most(r.out.Samples, func(x report.Sample) float64 { return x.Lag }),
		"window_max_ms":              most(r.out.Samples, func(x report.Sample) float64 { return x.Window }),
	})
	if r.out.Counts.Unread == 0 { // spectators that do not read do not know
		f["conflated"] = float64(r.out.Counts.Conflated)
	}
}

// addArchive adds what the archive did.
func (r *run) addArchive(f figures, sum func(string) float64, seconds float64, caughtUp time.Duration) {
	if !r.plan.Archive {
		return
	}
	rows := sum("processor_archive_rows_total")
	f.add(figures{
		"archive_rows_per_s":  rows / seconds,
		"archive_lag_max_ms":  most(r.out.Samples, func(x report.Sample) float64 { return x.ArchiveLag }),
		"archive_catch_up_ms": float64(caughtUp.Milliseconds()),
	})
	if r.stack.PostgresPID() != 0 {
		a, b := r.sampler.first, r.sampler.last
		f.add(figures{
			"postgres_us_per_row":   b.postgres.Since(a.postgres).CPU().Seconds() * 1e6 / rows,
			"archive_bytes_per_row": r.bytesPerRow,
		})
	}
}
