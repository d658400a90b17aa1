package engine_test

import (
	"strconv"
	"strings"
	"testing"
)

// The stream fills the memory of Redis while 2,000 records a second want in.
// What came is shown and archived, a restart under the same instance id comes up
// as well, and /readyz is right all the time. Once what is archived is trimmed,
// everything goes on, and nothing is missing.
func TestFaultRedisAtMaxmemory(t *testing.T) {
	const devices = 100
	s := newFaultSite(t, devices)
	e := s.start("--instance-id=one")
	load := s.load(s.redis.URL(), devices)
	load.more(s, 500)

	info, _ := s.redis.Do("INFO", "memory").(string)
	_, rest, _ := strings.Cut(info, "used_memory:")
	line, _, _ := strings.Cut(rest, "\r\n")
	used, err := strconv.Atoi(line)
	if err != nil {
		t.Fatalf("INFO memory: %q", line)
	}
	s.redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	s.redis.Do("CONFIG", "SET", "maxmemory", strconv.Itoa(used+512<<10))
	full := func() bool {
		_, err := s.redis.Try("SET", "probe", "x")
		return err != nil && strings.HasPrefix(err.Error(), "OOM")
	}
	s.eventually("the memory to be full", full)
	drained := func() bool { return s.pending() == 0 && s.delivered() == s.last() }
	s.eventually("the archive to have drained the stream", drained)
	if status, body := e.get(t, "/readyz?verbose"); status != 200 || strings.Contains(body, "failed") {
		t.Errorf("/readyz answers %d: %s", status, body)
	}
	if err := e.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	e = s.start("--instance-id=one")
	screen := s.watch(e.http, "spectator", "", "")
	s.eventually("the archive to have drained the stream again", drained)
	if !full() {
		t.Error("the memory is not full any more: the start was shown nothing")
	}
	s.redis.CutClients()
	s.eventually("readiness after lost connections", func() bool {
		status, body := e.get(t, "/readyz?verbose")
		return status == 200 && !strings.Contains(body, "failed") && !strings.Contains(body, "degraded")
	})

	s.redis.Do("XTRIM", faultStream, "MINID", "=", s.delivered())
	load.more(s, 500)
	s.redis.Do("CONFIG", "SET", "maxmemory", "0") // for the batch in hand
	load.stop()
	s.wantScreens(load.newest(), screen)
	s.wantTable(load.names())
	if err := e.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// last is the id that the stream gave out last.
func (s *faultSite) last() string {
	s.t.Helper()
	return faultField(s.redis.Do("XINFO", "STREAM", faultStream), "last-generated-id")
}
