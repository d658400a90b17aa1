package runner

import (
	"strings"
	"testing"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// TestLateIsSaid: a loop that takes more than its window is named, unless
// records come so rarely that nobody writes once per window.
func TestLateIsSaid(t *testing.T) {
	for _, c := range []struct {
		name         string
		rate, events int
		between      float64 // ms
		want         string  // begin of it
	}{
		{"late", 2000, 50, 183, "bare does not keep the window: a socket is written to every 183 ms, "},
		{"in time", 2000, 50, 101, ""},
		{"nearly in time", 2000, 50, 114, ""},
		{"just late", 2000, 50, 116, "bare does not keep the window: a socket is written to every 116 ms, "},
		{"two records a window", 1000, 50, 183, "bare does not"},
		{"quiet events", 999, 50, 183, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &FloorTable{Rate: c.rate, Events: c.events, Window: 100 * time.Millisecond}
			got := f.late("bare", []cost{{between: c.between}})
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("it said %q, want %q", got, c.want)
			}
			if got := f.late(engine, []cost{{between: c.between}}); got != "" {
				t.Errorf("of Pitwall, which stretches the window, it said %q", got)
			}
		})
	}
	if got := (&FloorTable{Rate: 2000, Events: 50, Window: 100 * time.Millisecond}).late("prompt", nil); got != "" {
		t.Errorf("of one that was not measured it said %q", got)
	}
}

// TestTimeBetweenWrites counts turns, as a full socket takes several writes in
// one; writes where turns are not counted.
func TestTimeBetweenWrites(t *testing.T) {
	const conns = 9900
	for _, c := range []struct {
		writes, turns, want float64
	}{{2 * conns * 28, conns * 28, 5000.0 / 28}, {conns * 50, 0, 100}} {
		now := time.Now()
		r := &run{plan: scenario.Plan{Connections: conns}, out: new(report.Run), sampler: &sampler{first: moment{at: now},
			last: moment{at: now.Add(5 * time.Second), metrics: gauge.Metrics{"processor_live_writes_total": c.writes, "bench_turns_total": c.turns}}}}
		if got := r.cost().between; got < c.want-0.1 || got > c.want+0.1 {
			t.Errorf("%.0f writes in %.0f turns: %.1f ms between two, want %.1f", c.writes, c.turns, got, c.want)
		}
	}
}
