package promtext

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescribe(t *testing.T) {
	families := map[string]Family{
		"wait_seconds":  {"wait_seconds", "histogram", "How long it waits."},
		"pause_seconds": {"pause_seconds", "summary", "How long it pauses."},
		"calls_count":   {"calls_count", "counter", "Calls."},
		"refused_total": {"refused_total", "counter", "Refused requests."},
	}
	const samples = `refused_total{code="1"} 3
calls_count 7
wait_seconds_bucket{le="1"} 1
wait_seconds_bucket{le="+Inf"} 2
refused_total{code="2 {"} 4
# TYPE unknown counter
unknown_sum 1
wait_seconds_sum 5
wait_seconds_count 2
pause_seconds{quantile="0.5"} 1
pause_seconds_sum 2
`
	const want = `# HELP refused_total Refused requests.
# TYPE refused_total counter
refused_total{code="1"} 3
refused_total{code="2 {"} 4
# HELP calls_count Calls.
# TYPE calls_count counter
calls_count 7
# HELP wait_seconds How long it waits.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="1"} 1
wait_seconds_bucket{le="+Inf"} 2
wait_seconds_sum 5
wait_seconds_count 2
unknown_sum 1
# HELP pause_seconds How long it pauses.
# TYPE pause_seconds summary
pause_seconds{quantile="0.5"} 1
pause_seconds_sum 2
`
	d := NewDescriber(families)
	for range 2 { // the second time with the memory of the first
		if diff := cmp.Diff(want, string(d.Describe([]byte(samples)))); diff != "" {
			t.Error(diff)
		}
	}
	if got := string(d.Describe([]byte("calls_count 8\n"))); got != "# HELP calls_count Calls.\n# TYPE calls_count counter\ncalls_count 8\n" {
		t.Errorf("after other samples: %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { d.Describe([]byte(samples)) }); n > 1 { // the conversion of samples
		t.Errorf("%v allocations, want none", n)
	}
}
