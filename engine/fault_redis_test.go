package engine_test

import (
	"math/rand/v2"
	"testing"

	"pitwall/engine/internal/testenv"
)

// Connections are cut in the middle of replies, all at once, and the server is
// restarted, in good order and not, while 2,000 records a second come in. In
// the end nothing is missing, on no screen and not in the table, and on the
// way no dot has moved back.
func TestFaultRedisUnderLoad(t *testing.T) {
	const devices = 200
	s := newFaultSite(t, devices)
	proxy := testenv.Proxy(t, s.redis.Addr())
	s.redisURL = "redis://" + proxy.Addr()
	e := s.start("--instance-id=one")
	screens := []*faultScreen{
		s.watch(e.http, "plain", "", ""),
		s.watch(e.http, "batched", "?batch=1", ""),
		s.watch(e.http, "every 250 ms", "?batch=1", `,"interval":250`),
	}
	load := s.load(s.redis.URL(), devices)
	load.more(s, 500)

	// Whom a cut hits is chance: until both readers were hit more than once.
	s.eventually("both readers to lose replies in the middle", func() bool {
		cuts := proxy.Cuts()
		proxy.CutAfter(rand.Int64N(40_000))
		s.eventually("a reply to be cut", func() bool { return proxy.Cuts() > cuts })
		return e.metric(t, "processor_live_stream_read_errors_total") >= 3 &&
			e.metric(t, "processor_archive_read_errors_total") >= 3
	})
	load.more(s, 500)
	for _, fault := range []func(){
		func() { s.redis.CutClients() },
		func() { s.redis.Stop(); s.redis.Start() },
		func() { proxy.CutAll() },
		func() { s.redis.Kill(); s.redis.Start() },
	} {
		resumed := e.metric(t, "processor_live_stream_resumes_total")
		fault()
		s.eventually("the stream to be read again", func() bool {
			return e.metric(t, "processor_live_stream_resumes_total") > resumed
		})
		load.more(s, 500)
	}
	load.stop()

	s.wantScreens(load.newest(), screens...)
	s.wantTable(load.names())
	if status, body := e.get(t, "/readyz"); status != 200 {
		t.Errorf("/readyz answers %d: %s", status, body)
	}
	if err := e.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}
