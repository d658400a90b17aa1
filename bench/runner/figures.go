package runner

import (
	"math"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/latency"
	"pitwall/bench/report"
)

// figures are those of a run, by their key.
type figures map[string]float64

// put sets a figure, unless there was nothing to work it out with.
func (f figures) put(key string, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		f[key] = v
	}
}

// figures works out what the run says.
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
		seen = float64(h.latency.TotalCount() + h.slow.TotalCount()) // exact, where the clients' last status is not
	}
	f.put("records_per_s", records/seconds)
	f.put("deliveries_per_s", seen/seconds)
	r.putLatency(f, h)
	r.out.Curve = curve(h.latency)
	r.putStages(f, h.wait, grown)
	f.put("rush_written_p99_ms", 1000*r.rushed.Quantile("processor_live_delivery_latency_seconds", 0.99))
	r.putProcesses(f, seconds, records, seen)
	r.putMetrics(f, grown.Sum, seconds, records)
	f.put("gc_pause_p99_ms", 1000*grown.Quantile("go_gc_pauses_seconds", 0.99))
	r.putArchive(f, grown.Sum, seconds, caughtUp)
	r.putAttacks(f)
	if r.plan.Duration >= time.Minute {
		f.put("rss_slope_mb_per_h", 3600*slope(r.out.Samples, func(x report.Sample) float64 { return x.RSS }))
		f.put("goroutine_slope_per_h", 3600*slope(r.out.Samples, func(x report.Sample) float64 { return x.Goroutines }))
		f.put("latency_slope_ms_per_h", 3600*slope(r.out.Samples, func(x report.Sample) float64 { return x.P99 }))
	}
	if t.fault != "" {
		r.out.Notes = append(r.out.Notes, t.fault)
	}
}

// putLatency puts what spectators have waited for.
func (r *run) putLatency(f figures, h histograms) {
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
			f.put(q.key, q.h.MS(q.at))
		}
	}
}

// putStages puts how long a position took on its way.
func (r *run) putStages(f figures, wait latency.Histogram, grown gauge.Metrics) {
	f.put("stage_redis_p99_ms", r.sampler.stored.MS(99))
	for _, stage := range []struct{ key, histogram string }{
		{"stage_read", "read"}, {"stage_flush", "flush"}, {"stage_socket", "write"}, {"written", "delivery"},
	} {
		name := "processor_live_" + stage.histogram + "_latency_seconds"
		f.put(stage.key+"_p50_ms", 1000*grown.Quantile(name, 0.5))
		f.put(stage.key+"_p99_ms", 1000*grown.Quantile(name, 0.99))
	}
	r.putClientStage(f, wait)
}

// putClientStage puts the last stage, where the kernel has measured it.
func (r *run) putClientStage(f figures, wait latency.Histogram) {
	if !wait.Empty() {
		f.put("stage_client_p50_ms", wait.MS(50))
		f.put("stage_client_p99_ms", wait.MS(99))
	}
	if odd := r.clients.oddReads(); odd > 0 {
		r.out.Notes = append(r.out.Notes, report.Count(odd, "read")+" left out of stage_client: the clock was set meanwhile")
	}
}

// putProcesses puts what processes and machine have used.
func (r *run) putProcesses(f figures, seconds, records, seen float64) {
	a, b := r.sampler.first, r.sampler.last
	if r.stack.Engines[0].PID != 0 {
		used := b.engines.Since(a.engines)
		f.put("cpu_us_per_record", used.CPU().Seconds()*1e6/records)
		f.put("cpu_us_per_delivery", used.CPU().Seconds()*1e6/seen)
		f.put("user_us_per_delivery", used.User.Seconds()*1e6/seen)
		f.put("sys_us_per_delivery", used.Sys.Seconds()*1e6/seen)
		f.put("cpu_cores", used.CPU().Seconds()/seconds)
		f.put("rss_mb", float64(b.engines.RSS)/1e6)
		f.put("rss_peak_mb", most(r.out.Samples, func(x report.Sample) float64 { return x.RSS }))
		if r.fullRSS > 0 {
			f.put("rss_per_connection_kb", float64(r.fullRSS-r.idleRSS)/1024/float64(r.plan.Connections))
		}
	}
	if r.stack.RedisPID() != 0 {
		f.put("redis_cores", b.redis.Since(a.redis).CPU().Seconds()/seconds)
	}
	if r.stack.PostgresPID() != 0 {
		f.put("postgres_cores", b.postgres.Since(a.postgres).CPU().Seconds()/seconds)
	}
	machine := b.machine.Since(a.machine)
	f.put("steal_percent", 100*machine.Steal.Seconds()/machine.All().Seconds())
	f.put("softirq_cores", machine.SoftIRQ.Seconds()/seconds)
	f.put("harness_cores", mean(r.out.Samples, func(x report.Sample) float64 { return x.Harness }))
}

// putMetrics puts what the engine counts. A server in its place counts less.
func (r *run) putMetrics(f figures, sum func(string) float64, seconds, records float64) {
	if len(r.sampler.last.metrics) == 0 {
		return // no private listener is known
	}
	deliveries, writes := sum("processor_live_deliveries_total"), sum("processor_live_writes_total")
	f.put("writes_per_delivery", writes/deliveries)
	if r.plan.Window > 0 && r.plan.Events == 1 {
		f.put("writes_per_window", writes/float64(r.plan.Connections)/(seconds/r.plan.Window.Seconds()))
	}
	f.put("bytes_per_delivery", sum("processor_live_written_bytes_total")/deliveries)
	if r.opt.Peer != "" {
		return
	}
	f.put("allocations_per_record", sum("go_memstats_mallocs_total")/records)
	f.put("allocated_bytes_per_record", sum("go_memstats_alloc_bytes_total")/records)
	f.put("gc_per_s", sum("go_gc_duration_seconds_count")/seconds)
	f.put("ring_overflows", sum("processor_live_ring_overflows_total"))
	f.put("lagged_snapshots", sum("processor_live_lagged_snapshots_total"))
	f.put("bodies_built", sum("processor_live_bodies_built_total"))
	f.put("accept_pauses", sum("processor_live_accept_pauses_total"))
	if r.out.Counts.Unread == 0 { // only spectators that read are told of it
		f.put("conflated", float64(r.out.Counts.Conflated))
	}
	f.put("stream_lag_max_ms", most(r.out.Samples, func(x report.Sample) float64 { return x.Lag }))
	f.put("window_max_ms", most(r.out.Samples, func(x report.Sample) float64 { return x.Window }))
}

// putArchive puts what the archive did.
func (r *run) putArchive(f figures, sum func(string) float64, seconds float64, caughtUp time.Duration) {
	if !r.plan.Archive {
		return
	}
	rows := sum("processor_archive_rows_total")
	f.put("archive_rows_per_s", rows/seconds)
	f.put("archive_lag_max_ms", most(r.out.Samples, func(x report.Sample) float64 { return x.ArchiveLag }))
	f.put("archive_catch_up_ms", float64(caughtUp.Milliseconds()))
	if r.stack.PostgresPID() != 0 {
		a, b := r.sampler.first, r.sampler.last
		f.put("postgres_us_per_row", b.postgres.Since(a.postgres).CPU().Seconds()*1e6/rows)
		f.put("archive_bytes_per_row", r.bytesPerRow)
	}
}
