package report

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	const lower, higher, neither = "cpu_us_per_delivery", "archive_rows_per_s", "ring_overflows"
	tests := []struct {
		name          string
		key           string
		before, after []float64
		want          string
	}{
		{"slower", lower, []float64{10, 10.2, 9.9}, []float64{12, 12.3, 11.8}, "worse"},
		{"quicker", lower, []float64{10, 10.2, 9.9}, []float64{8, 8.1, 7.9}, "better"},
		{"fewer rows", higher, []float64{100, 101, 99}, []float64{80, 81, 79}, "worse"},
		{"more rows", higher, []float64{100, 101, 99}, []float64{120, 121, 119}, "better"},
		{"neither good nor bad", neither, []float64{100, 101, 99}, []float64{120, 121, 119}, "changed"},
		{"within the noise", lower, []float64{8, 10, 12}, []float64{9, 11, 13}, "unclear"},
		{"too little to report", lower, []float64{10, 10.01, 10.02}, []float64{10.1, 10.11, 10.12}, "the same"},
		{"one run says nothing about noise", lower, []float64{10}, []float64{20}, "unclear"},
		{"nothing and nothing", lower, []float64{0, 0}, []float64{0, 0}, "the same"},
		{"from nothing", lower, []float64{0, 0}, []float64{1, 1}, "unclear"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := Compare(reportOf(tt.key, tt.before...), reportOf(tt.key, tt.after...))
			if len(list) != 2 || list[0].Key != tt.key || list[0].Verdict != tt.want || list[1].Verdict != "the same" {
				t.Errorf("%v and %v: got %+v, want %s, and no more promises broken", tt.before, tt.after, list, tt.want)
			}
		})
	}
}

// TestCompareBrokenPromises: one broken promise makes it worse, in any run and on
// any machine.
func TestCompareBrokenPromises(t *testing.T) {
	whole, broken := reportOf("cpu_cores", 1, 1), reportOf("cpu_cores", 1, 1)
	broken.Machine.Model = "another"
	broken.Runs[0].Valid, broken.Runs[0].Broken = false, []string{"tokens: 1 were let in"}
	if !WriteComparison(io.Discard, whole, broken) {
		t.Error("a broken promise of an invalid run does not count as worse")
	}
	if WriteComparison(io.Discard, broken, whole) || WriteComparison(io.Discard, broken, broken) {
		t.Error("no more broken promises than before count as worse")
	}
}

// TestCompareAttacks: the ratio to the quiet phase is judged on any machine, memory
// only on the same one.
func TestCompareAttacks(t *testing.T) {
	for key, want := range map[string]bool{QuietRatio: true, QuietRatio + "_tokens": true, "quiet_p99_ms": false,
		"rss_peak_mb": false, "heap_after_siege_mb": false} {
		before, after := reportOf(key, 1, 1.02, 1.01), reportOf(key, 2, 2.1, 2.2)
		if !WriteComparison(io.Discard, before, after) {
			t.Errorf("%s twice as high does not count as worse", key)
		}
		after.Machine.Model = "another"
		if got := WriteComparison(io.Discard, before, after); got != want {
			t.Errorf("%s twice as high on another machine: worse %t, want %t", key, got, want)
		}
	}
}

// TestInvalidRunsDoNotCount when there is a valid one.
func TestInvalidRunsDoNotCount(t *testing.T) {
	r := reportOf("cpu_cores", 1, 50)
	r.Runs[1].Valid = false
	if v := r.Median("cpu_cores"); v != 1 {
		t.Errorf("median %v, want that of the valid run, 1", v)
	}
}

func TestWriteComparison(t *testing.T) {
	var b bytes.Buffer
	before, after := reportOf("cpu_cores", 1, 1, 1), reportOf("cpu_cores", 2, 2, 2)
	after.Settings = []Setting{{"connections", "5"}}
	if !WriteComparison(&b, before, after) {
		t.Error("twice the CPU time does not count as worse")
	}
	for _, want := range []string{"CAUTION: not the same load", "cpu_cores", "worse"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the comparison does not say %q:\n%s", want, b.String())
		}
	}
	if WriteComparison(&b, after, before) {
		t.Error("half the CPU time counts as worse")
	}
}

// TestWriteComparisonAcrossMachines: ratios and counts are judged, times are not.
func TestWriteComparisonAcrossMachines(t *testing.T) {
	for key, want := range map[string]bool{"cpu_us_per_delivery": false, "latency_p99_ms": false, "ratio_to_bare": true, "writes_per_delivery": true} {
		before, after := reportOf(key, 1, 1, 1), reportOf(key, 2, 2, 2)
		after.Machine.Model = "another"
		if got := WriteComparison(io.Discard, before, after); got != want {
			t.Errorf("%s twice as high on another machine: worse %t, want %t", key, got, want)
		}
	}
}
