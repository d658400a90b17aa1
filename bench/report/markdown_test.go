package report

import (
	"strings"
	"testing"
)

// TestMarkdown: a row has the medians of the valid runs, with their spread.
func TestMarkdown(t *testing.T) {
	r := reportOf("deliveries_per_s", 79_996, 80_004, 81_900)
	for i, v := range []float64{1.2, 1.3, 7} {
		r.Runs[i].Figures["ratio_to_bare"] = v
	}
	r.Runs[2].Valid = false
	r.Runs[0].Counts.Gaps, r.Runs[2].Missing = 2, 1
	r.Settings = []Setting{{"connections", "2000"}, {"window", "100ms"}}
	var b strings.Builder
	Markdown(&b, []*Report{r})
	const want = "| `stadium`: connections 2000 | 3, 2 valid | 80,000 | - / - | - (-) | 1.25 (1.20-1.30), - | - | - | - | 3 |\n"
	if got := b.String(); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
}

func TestRounded(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.2514: "0.251", 2.15: "2.15", 97.32: "97.3", 414: "414", 1234: "1,230",
		79_996: "80,000", 1_567_890: "1,570,000", -1234: "-1,230"} {
		if got := rounded(v); got != want {
			t.Errorf("rounded(%v) = %q, want %q", v, got, want)
		}
	}
}
