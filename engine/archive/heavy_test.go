package archive

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pitwall/engine/internal/testenv"
)

// TestBatchTooHeavyForTheLink: a full read takes longer than the server may be
// silent, and would at every attempt.
func TestBatchTooHeavyForTheLink(t *testing.T) {
	server := testenv.Redis(t)
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := testenv.Proxy(t, u.Host)
	u.Host = proxy.Addr()
	r := newRig(t, u.String(), "")
	const count = 64
	for n := range count {
		server.Do("XADD", stream, "*", "device_id", fmt.Sprintf("d-%d", n), "ts", "1748772000000", "lat", "46", "lon", "7",
			"attributes", `{"fill":"`+strings.Repeat("x", 15<<10)+`"}`)
	}
	proxy.Throttle(250 << 10) // a second: four of them for all
	r.run(r.archive(func(o *Options) { o.BatchSize = count }))
	r.eventually("all rows", func() bool { return r.metric("processor_archive_rows_total") >= count })
	proxy.Throttle(0)
	r.eventually("all acknowledged", func() bool { return r.pending(stream).Count == 0 })
}
