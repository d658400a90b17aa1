package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/report"
	"pitwall/bench/spectators"
)

// figures works out what the run says.
func (r *run) figures(t tally, caughtUp time.Duration) {
	a, b := r.sampler.first, r.sampler.last
	grown := b.metrics.Since(a.metrics)
	latency, slow, join := r.fleet.hists()
	f := map[string]float64{}
	r.out.Figures, r.out.Counts, r.out.Missing, r.out.Samples = f, t.counts, t.missing, r.sampler.samples
	put := func(key string, v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			f[key] = v
		}
	}
	seconds := b.at.Sub(a.at).Seconds()
	records := float64(r.sampler.late.TotalCount())
	seen := delivered(a, b)
	if len(b.metrics) == 0 {
		seen = float64(latency.TotalCount() + slow.TotalCount()) // exact, where what clients told last is not
	}
	put("records_per_s", records/seconds)
	put("deliveries_per_s", seen/seconds)
	putLatency(put, latency, slow, join, r.calm, r.rush)
	r.out.Curve = curve(latency)
	r.putStages(put, grown)
	put("rush_written_p99_ms", 1000*r.rushed.Quantile("processor_live_delivery_latency_seconds", 0.99))
	if r.site.Engines[0].PID != 0 {
		used := b.engines.Since(a.engines)
		put("cpu_us_per_record", used.CPU().Seconds()*1e6/records)
		put("cpu_us_per_delivery", used.CPU().Seconds()*1e6/seen)
		put("user_us_per_delivery", used.User.Seconds()*1e6/seen)
		put("sys_us_per_delivery", used.Sys.Seconds()*1e6/seen)
		put("cpu_cores", used.CPU().Seconds()/seconds)
		put("rss_mb", float64(b.engines.RSS)/1e6)
		put("rss_peak_mb", most(r.out.Samples, func(x report.Sample) float64 { return x.RSS }))
		if r.fullRSS > 0 {
			put("rss_per_connection_kb", float64(r.fullRSS-r.idleRSS)/1024/float64(r.plan.Connections))
		}
	}
	if r.site.RedisPID() != 0 {
		put("redis_cores", b.redis.Since(a.redis).CPU().Seconds()/seconds)
	}
	if r.site.PostgresPID() != 0 {
		put("postgres_cores", b.postgres.Since(a.postgres).CPU().Seconds()/seconds)
	}
	r.fromMetrics(put, grown.Sum, seconds, records)
	put("gc_pause_p99_ms", 1000*grown.Quantile("go_gc_pauses_seconds", 0.99))
	machine := b.machine.Since(a.machine)
	put("steal_percent", 100*machine.Steal.Seconds()/machine.All().Seconds())
	put("softirq_cores", machine.SoftIRQ.Seconds()/seconds)
	put("harness_cores", mean(r.out.Samples, func(x report.Sample) float64 { return x.Harness }))
	r.archiveFigures(put, grown.Sum, seconds, caughtUp)
	r.siegeFigures(put)
	if r.plan.Duration >= time.Minute {
		put("rss_slope_mb_per_h", 3600*slope(r.out.Samples, func(x report.Sample) float64 { return x.RSS }))
		put("goroutine_slope_per_h", 3600*slope(r.out.Samples, func(x report.Sample) float64 { return x.Goroutines }))
		put("latency_slope_ms_per_h", 3600*slope(r.out.Samples, func(x report.Sample) float64 { return x.P99 }))
	}
	if t.fault != "" {
		r.out.Notes = append(r.out.Notes, t.fault)
	}
}

func putLatency(put func(string, float64), latency, slow, join, calm, rush spectators.Hist) {
	for _, q := range []struct {
		key string
		h   spectators.Hist
		at  float64
	}{
		{"latency_p50_ms", latency, 50}, {"latency_p90_ms", latency, 90}, {"latency_p99_ms", latency, 99},
		{"latency_p999_ms", latency, 99.9}, {"latency_max_ms", latency, 100}, {"slow_p99_ms", slow, 99},
		{"join_p50_ms", join, 50}, {"join_p99_ms", join, 99}, {"join_max_ms", join, 100},
		{"calm_p99_ms", calm, 99}, {"rush_p99_ms", rush, 99},
	} {
		if q.h.Histogram != nil && q.h.TotalCount() > 0 {
			put(q.key, ms(q.h.ValueAtQuantile(q.at)))
		}
	}
}

// putStages puts how long a position took on its way.
func (r *run) putStages(put func(string, float64), grown gauge.Metrics) {
	put("stage_redis_p99_ms", ms(r.sampler.stored.ValueAtQuantile(99)))
	for _, stage := range []struct{ key, histogram string }{
		{"stage_read", "read"}, {"stage_flush", "flush"}, {"stage_socket", "write"}, {"written", "delivery"},
	} {
		name := "processor_live_" + stage.histogram + "_latency_seconds"
		put(stage.key+"_p50_ms", 1000*grown.Quantile(name, 0.5))
		put(stage.key+"_p99_ms", 1000*grown.Quantile(name, 0.99))
	}
	r.putClientStage(put)
}

// putClientStage puts the last stage, where the kernel has told of it.
func (r *run) putClientStage(put func(string, float64)) {
	wait, odd := r.fleet.waits()
	if wait.TotalCount() > 0 {
		put("stage_client_p50_ms", ms(wait.ValueAtQuantile(50)))
		put("stage_client_p99_ms", ms(wait.ValueAtQuantile(99)))
	}
	if odd > 0 {
		r.out.Notes = append(r.out.Notes, report.Count(odd, "read")+" left out of stage_client: the clock was set meanwhile")
	}
}

// fromMetrics puts what the engine counts.
func (r *run) fromMetrics(put func(string, float64), sum func(string) float64, seconds, records float64) {
	deliveries, writes := sum("processor_live_deliveries_total"), sum("processor_live_writes_total")
	if len(r.sampler.last.metrics) == 0 {
		return // no private listener is known
	}
	put("writes_per_delivery", writes/deliveries)
	if r.plan.Window > 0 && r.plan.Events == 1 {
		put("writes_per_window", writes/float64(r.plan.Connections)/(seconds/r.plan.Window.Seconds()))
	}
	put("bytes_per_delivery", sum("processor_live_written_bytes_total")/deliveries)
	put("allocations_per_record", sum("go_memstats_mallocs_total")/records)
	put("allocated_bytes_per_record", sum("go_memstats_alloc_bytes_total")/records)
	put("gc_per_s", sum("go_gc_duration_seconds_count")/seconds)
	put("ring_overflows", sum("processor_live_ring_overflows_total"))
	put("lagged_snapshots", sum("processor_live_lagged_snapshots_total"))
	put("bodies_built", sum("processor_live_bodies_built_total"))
	put("accept_pauses", sum("processor_live_accept_pauses_total"))
	if r.out.Counts.Unread == 0 { // spectators are told of it, and that is all who know
		put("conflated", float64(r.out.Counts.Conflated))
	}
	put("stream_lag_max_ms", most(r.out.Samples, func(x report.Sample) float64 { return x.Lag }))
	put("window_max_ms", most(r.out.Samples, func(x report.Sample) float64 { return x.Window }))
}

func (r *run) archiveFigures(put func(string, float64), sum func(string) float64, seconds float64, caughtUp time.Duration) {
	if !r.plan.Archive {
		return
	}
	put("archive_rows_per_s", sum("processor_archive_rows_total")/seconds)
	put("archive_lag_max_ms", most(r.out.Samples, func(x report.Sample) float64 { return x.ArchiveLag }))
	put("archive_catch_up_ms", float64(caughtUp.Milliseconds()))
	if r.site.PostgresPID() != 0 {
		a, b := r.sampler.first, r.sampler.last
		put("postgres_us_per_row", b.postgres.Since(a.postgres).CPU().Seconds()*1e6/sum("processor_archive_rows_total"))
		put("archive_bytes_per_row", r.bytesPerRow)
	}
}

// curve is the latency by percentile, closer towards the end.
func curve(h spectators.Hist) (list []report.Point) {
	if h.TotalCount() == 0 {
		return nil
	}
	for _, q := range []float64{0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.9, 99.95, 99.99, 99.999} {
		if float64(h.TotalCount())*(100-q)/100 < 1 {
			break // fewer than one value is beyond it
		}
		list = append(list, report.Point{Percentile: q, MS: ms(h.ValueAtQuantile(q))})
	}
	return append(list, report.Point{Percentile: 100, MS: ms(h.Max())})
}

func mean(samples []report.Sample, f func(report.Sample) float64) (sum float64) {
	for _, x := range samples {
		sum += f(x) / float64(len(samples))
	}
	return sum
}

func most(samples []report.Sample, f func(report.Sample) float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	return f(slices.MaxFunc(samples, func(a, b report.Sample) int { return int(math.Copysign(1, f(a)-f(b))) }))
}

// slope is the growth per second, by least squares.
func slope(samples []report.Sample, f func(report.Sample) float64) float64 {
	mt, mv := mean(samples, func(x report.Sample) float64 { return x.T }), mean(samples, f)
	var tv, tt float64
	for _, x := range samples {
		tv += (x.T - mt) * (f(x) - mv)
		tt += (x.T - mt) * (x.T - mt)
	}
	return tv / tt
}

// Bounds beyond which a run says more about the harness or the machine than
// about Pitwall.
const (
	mostLate   = 50 * time.Millisecond  // the publisher, p99
	mostStall  = 250 * time.Millisecond // a turn of a swarm process, or a tick of ours
	mostBusy   = 0.9                    // a swarm process, of a core
	mostSteal  = 0.02                   // of the machine's time
	mostOthers = 0.08                   // of the machine's time, used by processes that are not ours
	leastSent  = 0.97                   // of the records that were to be published
)

// judge says whether the run may be believed.
func (r *run) judge(t tally) {
	a, b := r.sampler.first, r.sampler.last
	say := func(format string, v ...any) { r.out.Why = append(r.out.Why, fmt.Sprintf(format, v...)) }
	late := time.Duration(r.sampler.late.ValueAtQuantile(99)) * time.Microsecond
	overload := r.sc.overload || r.opt.Ramp != "" // the last step is meant to be too much, and says itself what broke
	if late > mostLate && !overload {
		say("the publisher was behind its schedule: p99 %v late, allowed are %v", late.Round(time.Millisecond), mostLate)
	}
	if sent := r.out.Figures["records_per_s"]; sent < leastSent*r.plan.Rate && !overload {
		say("the publisher sent %.0f records/s of %.0f", sent, r.plan.Rate)
		r.out.OtherLoad = true
	}
	if t.stall > mostStall {
		say("a swarm process was busy or held up for %v at a time, allowed are %v", t.stall.Round(time.Millisecond), mostStall)
	}
	if r.sampler.slept > mostStall {
		say("the harness stood still for %v", r.sampler.slept.Round(time.Millisecond))
	}
	if r.sampler.busiest > mostBusy {
		say("a swarm process used %.2f of a core: the clients were the bottleneck", r.sampler.busiest)
	}
	machine := b.machine.Since(a.machine)
	all := machine.All().Seconds()
	if steal := machine.Steal.Seconds() / all; steal > mostSteal {
		say("%.1f %% of the processors' time went to other machines (steal)", 100*steal)
	}
	if r.site.Own() {
		if others := r.others((machine.Busy - machine.SoftIRQ).Seconds()) / all; others > mostOthers {
			say("%.1f %% of the processors' time went to other processes of this machine", 100*others)
		}
	}
	if v := t.counts.Refused; v > 0 {
		say("%s refused: %s", report.Count(v, "connection"), t.fault)
		r.out.OtherLoad = true
	}
	r.out.Valid = len(r.out.Why) == 0
}

// others is the processor time, in s, that nobody of ours has used: what can be
// seen of other processes, or what is left of the time in which the machine was
// busy, which is more where we run in a container. Of softirq it is not known
// whose it was.
func (r *run) others(busy float64) float64 {
	a, b := r.sampler.first, r.sampler.last
	busy -= b.engines.Since(a.engines).CPU().Seconds() + b.redis.Since(a.redis).CPU().Seconds() +
		b.postgres.Since(a.postgres).CPU().Seconds() + b.own.Since(a.own).CPU().Seconds()
	for i := range b.crews {
		busy -= b.crews[i].Since(a.crews[i]).CPU().Seconds()
	}
	attackers, _ := r.army.used() // since their start, in the steady phase; they run until it is taken down
	return max(r.sampler.others.Seconds(), busy-attackers.CPU().Seconds())
}
