package runner

import (
	"math"
	"testing"

	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// TestRosterHasEveryDevice of every scenario.
func TestRosterHasEveryDevice(t *testing.T) {
	for _, s := range scenario.All() {
		if n := len(roster(&s.Plan)); n != s.Plan.Devices {
			t.Errorf("%s: %d entries for %d devices", s.Name, n, s.Plan.Devices)
		}
	}
}

func TestSlope(t *testing.T) {
	var s []report.Sample
	for i := range 10 {
		s = append(s, report.Sample{T: float64(i), RSS: 100 + 3*float64(i)})
	}
	if got := slope(s, func(x report.Sample) float64 { return x.RSS }); math.Abs(got-3) > 1e-9 {
		t.Errorf("slope %v, want 3", got)
	}
}
