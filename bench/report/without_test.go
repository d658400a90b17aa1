package report

import (
	"bytes"
	"strings"
	"testing"
)

// TestCostsOfTheArchive: each side has the median of its valid runs. Broken promises
// and invalid runs without the archive are shown.
func TestCostsOfTheArchive(t *testing.T) {
	r := reportOf("latency_p99_ms", 110, 120, 500)
	r.Runs[2].Valid = false
	if got := r.Costs(); got != nil {
		t.Fatalf("without other runs the costs are %+v, want none", got)
	}
	r.Without = reportOf("latency_p99_ms", 100, 100).Runs
	r.Without[0].Broken = []string{"the table has 3 records of 4"}
	r.Without[1].Missing, r.Without[1].Why = 7, []string{"a process of spectators was held up"}
	got := r.Costs()
	if len(got) != 1 || got[0].Key != "latency_p99_ms" || got[0].On != 115 || got[0].Off != 100 {
		t.Errorf("the costs are %+v, want 115 and 100 ms", got)
	}
	var text, page bytes.Buffer
	Text(&text, r)
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"archive off", "1.15", "run 1: 1 promise broken", "run 2: 7 promises", "run 2: NOT VALID: a process of spectators was held up"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, text.String())
		}
	}
	if !strings.Contains(page.String(), "115 ms") {
		t.Error("the page does not say what the archive costs")
	}
}
