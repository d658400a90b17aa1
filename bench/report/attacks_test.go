package report

import (
	"bytes"
	"strings"
	"testing"
)

// TestAttacksAreShown in the text and on the page.
func TestAttacksAreShown(t *testing.T) {
	r := reportOf("latency_p99_ms", 40, 44)
	r.Runs[0].Broken = []string{"attack bombs: 5 were made, refused: false"}
	r.Runs[0].Attacks = &Attacks{Ratio50: 1.1, Ratio99: 2.5, PeakMB: 161, Phases: []Phase{
		{Name: "quiet", P99: 40},
		{Name: "tokens", P99: 100, Joined: 7, Attacks: map[string]Attack{"tokens": {Made: 90, PerSecond: 30, Answers: map[string]int64{"401 unauthorized": 80, "429 upgrade_rate": 10}}},
			Metrics: map[string]float64{`processor_live_refusals_total{reason="unauthorized"}`: 80}},
		{Name: "sessions", P99: 50, Withdrawn: &Withdrawn{Seconds: 18, Allowed: 3}},
		{Name: "pings", P99: 50, Weighed: &Weighed{CountedMB: 20, HeldMB: 30}},
		{Name: "events", P99: 100},
	}}
	var text, page bytes.Buffer
	Text(&text, r)
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"p99 2.50 times (goal: at most 1.50, MISSED)", "peak 161", "90 made, 30/s; answers: 401 unauthorized 80, 429 upgrade_rate 10",
		"sessions: a withdrawn spectator watched on for 18 s (goal: at most 3, MISSED)", "as counted by 20 MB, 1.50 times (goal: at most 1.30, MISSED)",
		"events: p99 2.50 times the quiet one (goal: at most 1.50, MISSED)", `refusals_total{reason="unauthorized"} 80`, "7 spectators dropped and came back", "BROKEN: attack bombs"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, text.String())
		}
	}
	for _, want := range []string{"p99 2.50 times that of the quiet phase", "401 unauthorized 80", "attack bombs"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestExceeded: only missed promises are named, and none that cannot be judged.
func TestExceeded(t *testing.T) {
	for _, c := range []struct {
		name  string
		phase Phase
		want  string // part of the text, "" for none
	}{
		{"a quick withdrawal", Phase{Withdrawn: &Withdrawn{2, 3}}, ""},
		{"a slow withdrawal", Phase{Withdrawn: &Withdrawn{3.5, 3}}, "watched on for 3.50 s"},
		{"memory as counted", Phase{Weighed: &Weighed{20, 24}}, ""},
		{"held and not counted", Phase{Weighed: &Weighed{20, 30}}, "1.50 times"},
		{"counted and not held", Phase{Weighed: &Weighed{30, 20}}, "1.50 times"},
		{"too little to judge", Phase{Weighed: &Weighed{1, 3}}, ""},
		{"nothing measured", Phase{}, ""},
	} {
		got := strings.Join((&Attacks{Phases: []Phase{c.phase}}).Exceeded(true), "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q in it", c.name, got, c.want)
		}
	}
	late := &Attacks{Phases: []Phase{{Withdrawn: &Withdrawn{3.5, 3}, Weighed: &Weighed{20, 30}}}}
	if got := strings.Join(late.Exceeded(false), "; "); strings.Contains(got, "watched on") || !strings.Contains(got, "1.50 times") {
		t.Errorf("of a run that is not valid: %q, want the memory alone", got)
	}
}
