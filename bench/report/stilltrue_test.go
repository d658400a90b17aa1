package report

import (
	"bytes"
	"strings"
	"testing"

	"pitwall/bench/spectators"
)

// TestStillTrueIsShown: a long run that was disturbed by a compiler still says that
// nothing was lost, and how much memory was used.
func TestStillTrueIsShown(t *testing.T) {
	for _, c := range []struct {
		name       string
		run        Run
		want, lack string
	}{
		{"valid", Run{Valid: true, Figures: map[string]float64{"rss_mb": 60}}, "", "till true"},
		{"disturbed", Run{Figures: map[string]float64{"latency_p99_ms": 99, "rss_mb": 60, "rss_slope_mb_per_h": 1, "goroutine_slope_per_h": 0.1}},
			"till true: the promises, as every position was checked, and what the engine holds: rss_mb, rss_slope_mb_per_h, goroutine_slope_per_h. Not latencies, ", ""},
		{"another load", Run{OtherLoad: true, Figures: map[string]float64{"rss_mb": 60}},
			"till true: the promises, as every position was checked. Not latencies, CPU times, rates, and what depends on them, nor rss_mb: the load was not the planned one", ""},
		{"few checked", Run{OtherLoad: true, Counts: spectators.Counts{Bytes: 8e6, Unread: 7e6}},
			"till true: the promises to the spectators that checked. Not latencies, ", "every position"},
		{"few checked, and said", Run{Valid: true, Counts: spectators.Counts{Bytes: 8e6, Unread: 7e6}}, "of 8 MB sent, 7 went to spectators that do not check", ""},
		{"nothing known of the process", Run{Figures: map[string]float64{"latency_p99_ms": 99}},
			"till true: the promises, as every position was checked. Not latencies, CPU times, rates, and what depends on them", "memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &Report{Scenario: "soak", Runs: []Run{c.run}}
			var text, page bytes.Buffer
			Text(&text, r)
			if err := HTML(&page, r); err != nil {
				t.Fatal(err)
			}
			for where, got := range map[string]string{"text": text.String(), "page": page.String()} {
				// The table of figures on the page has other words.
				got, _, _ = strings.Cut(got, "<h2>Over time")
				if !strings.Contains(got, c.want) || c.lack != "" && strings.Contains(got, c.lack) {
					t.Errorf("the %s does not say %q, or says %q:\n%s", where, c.want, c.lack, got)
				}
			}
		})
	}
}
