package promtext

import (
	"strings"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var b strings.Builder
	Histogram(&b, "wait_seconds", []time.Duration{time.Millisecond, 2500 * time.Millisecond}, []uint64{3, 0, 4}, 90500*time.Millisecond)
	const want = `wait_seconds_bucket{le="0.001"} 3
wait_seconds_bucket{le="2.5"} 3
wait_seconds_bucket{le="+Inf"} 7
wait_seconds_sum 90.5
wait_seconds_count 7
`
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
