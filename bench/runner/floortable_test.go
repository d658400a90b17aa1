package runner

import (
	"strings"
	"testing"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// TestLateIsReported: a loop that takes longer than its window is named, unless records
// are so rare that there is no write per window.
func TestLateIsReported(t *testing.T) {
	for _, c := range []struct {
		name         string
		rate, events int
		between      float64 // ms
		want         string  // beginning of the text
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
			got := f.late("bare", c.between)
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("the text is %q, want %q", got, c.want)
			}
			if got := f.late(engine, c.between); got != "" {
				t.Errorf("the text for Pitwall, which stretches the window, is %q", got)
			}
		})
	}
	if got := (&FloorTable{Rate: 2000, Events: 50, Window: 100 * time.Millisecond}).late("prompt", 0); got != "" {
		t.Errorf("the text for a loop that was not measured is %q", got)
	}
}

// TestTimeBetweenWrites: turns count, as a full socket takes several writes per turn.
// Without turns, writes count.
func TestTimeBetweenWrites(t *testing.T) {
	const conns = 9900
	for _, c := range []struct {
		writes, turns, want float64
	}{{2 * conns * 28, conns * 28, 5000.0 / 28}, {conns * 50, 0, 100}} {
		now := time.Now()
		r := &run{plan: scenario.Plan{Connections: conns}, out: &report.Run{Figures: figures{}}, sampler: &sampler{first: moment{at: now},
			last: moment{at: now.Add(5 * time.Second), metrics: gauge.Metrics{"processor_live_writes_total": c.writes, "bench_turns_total": c.turns}}}}
		r.addWrites()
		if got := r.out.Figures[betweenWrites]; got < c.want-0.1 || got > c.want+0.1 {
			t.Errorf("%.0f writes in %.0f turns: %.1f ms between two, want %.1f", c.writes, c.turns, got, c.want)
		}
	}
}
