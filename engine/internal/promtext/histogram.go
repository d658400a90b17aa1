// Package promtext writes histograms in the text format of the metrics library. The
// shards and writers count on the fan-out path with plain atomics, which are cheaper
// than the library's own histograms.
//
// Any goroutine may call it.
package promtext

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// Histogram writes one in Prometheus' text format, in seconds. counts are by
// bucket, each without those below it, one more than bounds: the last has what
// is beyond them.
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
