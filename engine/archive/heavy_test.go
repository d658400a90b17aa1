package archive

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

func TestPortion(t *testing.T) {
	entries := func(n, bytes int) []redis.Entry {
		list := make([]redis.Entry, n)
		for i := range list {
			list[i].Fields = []string{"", strings.Repeat("x", bytes/n)}
		}
		return list
	}
	p := newPortion(1000)
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"light", func() { p.took(entries(1000, 1000)) }, 1000},
		{"nothing came", func() { p.took(nil) }, 1000},
		{"failed", func() { p.failed() }, 500},
		{"failed again", func() { p.failed() }, 250},
		{"nothing came then", func() { p.took(nil) }, 250},
		{"light again", func() { p.took(entries(250, 250)) }, 500},
		{"heavy", func() { p.took(entries(10, heavyRead+10)) }, 250},
		{"neither light nor heavy", func() { p.took(entries(10, heavyRead*3/4)) }, 250},
		{"failed for long", func() {
			for range 20 {
				p.failed()
			}
		}, 1},
		{"light for long", func() {
			for range 20 {
				p.took(entries(1, 1))
			}
		}, 1000},
	} {
		if step.do(); p.now != step.want {
			t.Errorf("%s: the next read asks for %d entries, want %d", step.name, p.now, step.want)
		}
	}
}

// TestBatchTooHeavyForTheLink: a full read takes longer than its deadline, and
// would at every attempt.
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
	proxy.Throttle(250 << 10) // a second: four of them for all, three for a read
	r.run(r.archive(func(o *Options) { o.BatchSize = count }))
	r.eventually("all rows", func() bool { return r.metric("processor_archive_rows_total") >= count })
	proxy.Throttle(0)
	r.eventually("all acknowledged", func() bool { return r.pending(stream).Count == 0 })
	if r.metric("processor_archive_read_errors_total") == 0 {
		t.Error("no read failed: the link was not too narrow, and nothing was shown")
	}
}
