package runner

import (
	"io"
	"strings"
	"testing"

	"pitwall/bench/attack"
	"pitwall/bench/report"
)

// TestAttackRun makes a few of all attacks on a real engine while 200 spectators check
// every position.
func TestAttackRun(t *testing.T) {
	c := command(t, "siege", "--connections=200", "--duration=40s", "--warmup=500ms", "--connect=500ms",
		"--attack=slow=40;halfopen=400;deaf=40;messages=4000;topics=2000;bombs=40;headers=40;tokens=1000;frames=60;sessions=2;pings=20;events=200",
		"--engine-arg=--http-header-timeout-ms=800", "--engine-arg=--live-write-timeout-ms=800",
		"--engine-arg=--http-max-connections-per-address=32", "--engine-arg=--live-request-burst=16")
	rep, err := c.Measure(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	run := &rep.Runs[0]
	if n := run.Counts.Violations() + run.Missing + run.Counts.Lost; n > 0 || len(run.Broken) > 0 || run.Counts.Deliveries < 200*40*10 {
		t.Errorf("%+v, %d missing, broken: %q; want every position, nobody disconnected, every attack refused", run.Counts, run.Missing, run.Broken)
	}
	last := run.Attacks.Phases[len(run.Attacks.Phases)-1]
	if len(last.Attacks) != len(attack.Kinds()) || last.Joined != 20 {
		t.Errorf("%d attacks at once, %d spectators reconnected; want %d and 20", len(last.Attacks), last.Joined, len(attack.Kinds()))
	}
	for _, reason := range []string{"http_timeout", "http_request", "http_connections_per_address", "unauthorized"} {
		if last.Metrics[`processor_live_refusals_total{reason="`+reason+`"}`] == 0 {
			t.Errorf("nothing was refused for %s: %v", reason, last.Metrics)
		}
	}
	if f := run.Figures; f["quiet_p99_ms"] <= 0 || f[report.QuietRatio] != run.Attacks.Ratio99 || f[report.QuietRatio+"_tokens"] <= 0 ||
		f["latency_p99_ms"] != last.P99 || f["rss_peak_mb"] != run.Attacks.PeakMB {
		t.Errorf("figures %v, want those of the attacks %+v", f, run.Attacks)
	}
	withdrawn, weighed := 0, 0
	for _, p := range run.Attacks.Phases {
		if w := p.Withdrawn; w != nil && w.Seconds > 0 && w.Allowed == 3 {
			withdrawn++
		}
		if p.Weighed != nil && p.Name == attack.Pings {
			weighed++
		}
	}
	if withdrawn != 2 || weighed != 1 || run.Figures["withdrawn_watched_s"] <= 0 || run.Figures["memory_held_ratio"] < 1 {
		t.Errorf("%d withdrawals and %d comparisons of memory, want 2 and 1: %v", withdrawn, weighed, run.Figures)
	}
	if run.Attacks.HeapAfterMB > 4*run.Attacks.HeapBeforeMB+10 {
		t.Errorf("%.1f MB on the heap before, %.1f MB after: memory is not released", run.Attacks.HeapBeforeMB, run.Attacks.HeapAfterMB)
	}
}

func TestUnrefusedAttacksAreNamed(t *testing.T) {
	phase := func(name, answer, metric string, made int64) report.Phase {
		p := report.Phase{Name: name, Attacks: map[string]report.Attack{name: {Made: made, Answers: map[string]int64{}}}, Metrics: map[string]float64{}}
		if answer != "" {
			p.Attacks[name].Answers[answer] = 1
		}
		if metric != "" {
			p.Metrics[metric] = 1
		}
		return p
	}
	for _, c := range []struct {
		name  string
		phase report.Phase
		want  string // part of the text, "" for none
	}{
		{"refused", phase("tokens", "401 unauthorized", "", 5), ""},
		{"seen in a metric", phase("deaf", "", `processor_live_closes_total{code="4408"}`, 5), ""},
		{"never made", phase("tokens", "", "", 0), "0 were made"},
		{"accepted silently", phase("bombs", "closed", "", 5), "refused: false"},
		{"let in", phase("tokens", attack.LetIn, "", 5), "let in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(unrefused([]report.Phase{c.phase}, []string{c.phase.Name}), "; ")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
