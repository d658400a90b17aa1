package report

import (
	"bytes"
	"strings"
	"testing"
)

// TestSiegeIsTold on a terminal and on the page.
func TestSiegeIsTold(t *testing.T) {
	r := reportOf("latency_p99_ms", 40, 44)
	r.Runs[0].Broken = []string{"attack bombs: 5 were made, refused: false"}
	r.Runs[0].Siege = &Siege{Ratio50: 1.1, Ratio99: 2.5, PeakMB: 161, Phases: []Phase{
		{Name: "quiet", P99: 40},
		{Name: "tokens", P99: 100, Joined: 7, Attacks: map[string]Attack{"tokens": {Made: 90, PerSecond: 30, Answers: map[string]int64{"401 unauthorized": 80, "429 upgrade_rate": 10}}},
			Metrics: map[string]float64{`processor_live_refusals_total{reason="unauthorized"}`: 80}},
	}}
	var text, page bytes.Buffer
	Text(&text, r)
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"p99 2.50 times (goal: at most 2, MISSED)", "peak 161", "90 made, 30/s; answers: 401 unauthorized 80, 429 upgrade_rate 10",
		`refusals_total{reason="unauthorized"} 80`, "7 spectators dropped and came back", "BROKEN: attack bombs"} {
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
