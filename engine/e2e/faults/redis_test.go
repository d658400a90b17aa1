package faults

import (
	"math/rand/v2"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// Connections are cut in the middle of replies, all at once, and the server is
// stopped or killed and started again, while 2,000 records a second arrive. In
// the end nothing is missing on any screen or in the table, and no dot has
// moved back on the way.
func TestRedisUnderLoad(t *testing.T) {
	const devices = 200
	s := newStack(t, devices)
	proxy := s.ProxyRedis()
	e := s.Start("--instance-id=one")
	screens := []*e2etest.Screen{
		s.Watch(e.HTTP, "plain", "", ""),
		s.Watch(e.HTTP, "batched", "?batch=1", ""),
		s.Watch(e.HTTP, "every 250 ms", "?batch=1", `,"interval":250`),
	}
	load := s.load(s.Redis.URL(), devices)
	load.more(s, 500)

	// Chance decides which connection is cut: repeat until both readers were
	// hit several times.
	s.Eventually("both readers to lose replies in the middle", func() bool {
		cuts := proxy.Cuts()
		proxy.CutAfter(rand.Int64N(40_000))
		s.Eventually("a reply to be cut", func() bool { return proxy.Cuts() > cuts })
		return e.Metric(t, "processor_live_stream_read_errors_total") >= 3 &&
			e.Metric(t, "processor_archive_read_errors_total") >= 3
	})
	load.more(s, 500)
	for _, fault := range []func(){
		func() { s.Redis.CutClients() },
		func() { s.Redis.Stop(); s.Redis.Start() },
		func() { proxy.CutAll() },
		func() { s.Redis.Kill(); s.Redis.Start() },
	} {
		resumed := e.Metric(t, "processor_live_stream_resumes_total")
		fault()
		s.Eventually("the stream to be read again", func() bool {
			return e.Metric(t, "processor_live_stream_resumes_total") > resumed
		})
		load.more(s, 500)
	}
	load.stop()

	s.WantScreens(load.newest(), screens...)
	s.wantTable(load.names())
	s.wantReady(e.Addrs)
}
