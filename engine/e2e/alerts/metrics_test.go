package alerts

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
)

// accepted are the complaints of promtool about names that scripts rely on, and about
// names that the metrics library gives.
var accepted = []string{
	`go_cgo_calls_count counter metrics should have "_total" suffix`,
	`go_cgo_calls_count non-histogram and non-summary metrics should not have "_count" suffix`,
	`go_cpu_count non-histogram and non-summary metrics should not have "_count" suffix`,
	`go_gc_forced_count counter metrics should have "_total" suffix`,
	`go_gc_forced_count non-histogram and non-summary metrics should not have "_count" suffix`,
	"processor_archive_lag_ms metric names should not contain abbreviated units",
	"processor_live_device_event_refresh_latency_ms metric names should not contain abbreviated units",
	"processor_live_flush_window_ms metric names should not contain abbreviated units",
	"processor_live_stream_clock_difference_ms metric names should not contain abbreviated units",
	"processor_live_stream_lag_ms metric names should not contain abbreviated units",
}

// scrape returns /metrics of a running engine that has all parts: PostgreSQL, TLS, live
// and archive.
func scrape(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	certificate(t, dir, time.Now().AddDate(1, 0, 0))
	e := e2etest.NewStack(t, 1).Start(certificateFlags(dir)...)
	status, text := e.Get(t, "/metrics")
	if status != 200 {
		t.Fatalf("/metrics answers %d: %s", status, text)
	}
	return text
}

var typeLine = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)

// exposed returns the names of the samples of a scrape: of a histogram, those of its
// buckets, sum and count.
func exposed(text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z]\w*)(?:\{| )`).FindAllStringSubmatch(text, -1) {
		names[m[1]] = true
	}
	return names
}

// TestMetrics: promtool takes the metrics of a running engine, and complains about
// nothing but the accepted names. Each metric is on the page about operating, with its
// type.
func TestMetrics(t *testing.T) {
	text := scrape(t)
	out, _ := promtool(t, text, "check", "metrics")
	complaints := strings.Split(strings.TrimSpace(out), "\n")
	for _, c := range complaints {
		if !slices.Contains(accepted, c) {
			t.Errorf("promtool complains: %s", c)
		}
	}
	for _, c := range accepted {
		if !slices.Contains(complaints, c) {
			t.Errorf("promtool does not complain any more: %s", c)
		}
	}

	page := read(t, "../../../"+runbook)
	described := map[string]bool{}
	for _, m := range typeLine.FindAllStringSubmatch(text, -1) {
		described[m[1]] = true
		if !regexp.MustCompile("(?m)^\\| `" + m[1] + "(?:\\{[^}]*\\})?` \\| " + m[2] + " \\| \\S").MatchString(page) {
			t.Errorf("%s does not document the %s %s", runbook, m[2], m[1])
		}
	}
	for name := range exposed(text) {
		base := regexp.MustCompile(`_(?:bucket|sum|count)$`).ReplaceAllString(name, "")
		if !described[name] && !described[base] {
			t.Errorf("%s has no TYPE", name)
		}
	}
	if len(described) < 120 {
		t.Errorf("%d metrics described, want all", len(described))
	}
}
