// Package promtext writes histograms in Prometheus' text format, and adds to a text what
// each metric is (HELP and TYPE). The metrics library does not write help. The shards and
// writers count with plain atomics on the fan-out path, because they are cheaper than
// the histograms of the metrics library.
//
// The package keeps no state. Any goroutine may call it.
package promtext

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// Histogram writes a histogram of durations, in seconds. bounds are the upper bounds
// of the buckets. counts has one more element than bounds: the counts of each bucket
// alone, and last those above all bounds.
func Histogram(w io.Writer, name string, bounds []time.Duration, counts []uint64, sum time.Duration) {
	total := uint64(0)
	for i, n := range counts {
		total += n
		le := "+Inf"
		if i < len(bounds) {
			le = seconds(bounds[i])
		}
		fmt.Fprintf(w, "%s_bucket{le=%q} %d\n", name, le, total)
	}
	fmt.Fprintf(w, "%s_sum %s\n%s_count %d\n", name, seconds(sum), name, total)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'g', -1, 64) }
