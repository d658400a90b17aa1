package archive

import (
	"fmt"
	"strings"
	"testing"
)

// TestBatchTooLargeForTheLink: a full read exceeds its deadline at every attempt, so
// smaller reads are needed.
func TestBatchTooLargeForTheLink(t *testing.T) {
	r, proxy := newProxiedRig(t)
	const count = 64
	for n := range count {
		r.server.Do("XADD", stream, "*", "device_id", fmt.Sprintf("d-%d", n), "ts", "1748772000000", "lat", "46", "lon", "7",
			"attributes", `{"fill":"`+strings.Repeat("x", 15<<10)+`"}`)
	}
	proxy.Throttle(250 << 10) // bytes per second: a full batch takes four seconds
	r.run(r.newArchive(func(o *Options) { o.BatchSize = count }))
	r.eventually("all rows", func() bool { return r.metric("processor_archive_rows_total") >= count })
	proxy.Throttle(0)
	r.wantNothingPends(stream)
}
