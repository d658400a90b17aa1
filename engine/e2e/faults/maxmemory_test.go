package faults

import (
	"strconv"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
)

// The stream fills the memory of Redis while 2,000 records a second arrive.
// What was accepted is shown and archived, a restart with the same instance id
// works, and /readyz is right all the time. Once archived entries are trimmed,
// everything goes on and nothing is missing.
func TestRedisAtMaxmemory(t *testing.T) {
	const devices = 100
	s := newStack(t, devices)
	e := s.Start("--instance-id=one")
	load := s.load(s.Redis.URL(), devices)
	load.more(s, 500)

	used, err := strconv.Atoi(servers.InfoField(s.Redis.Do("INFO", "memory"), "used_memory"))
	if err != nil {
		t.Fatal(err)
	}
	s.Redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	s.Redis.Do("CONFIG", "SET", "maxmemory", strconv.Itoa(used+512<<10))
	full := func() bool {
		_, err := s.Redis.Try("SET", "probe", "x")
		return err != nil && strings.HasPrefix(err.Error(), "OOM")
	}
	s.Eventually("the memory to be full", full)
	drained := func() bool { return e2etest.Drained(s.Redis, e2etest.Stream) }
	s.Eventually("the archive to have drained the stream", drained)
	if status, body := e.Get(t, "/readyz?verbose"); status != 200 || strings.Contains(body, "failed") {
		t.Errorf("/readyz answers %d: %s", status, body)
	}
	if err := e.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	e = s.Start("--instance-id=one")
	screen := s.Watch(e.HTTP, "spectator", "", "")
	s.Eventually("the archive to have drained the stream again", drained)
	if !full() {
		t.Error("the memory is not full any more: the start was shown nothing")
	}
	s.Redis.CutClients()
	s.Eventually("readiness after lost connections", func() bool { return e.Well(t) })

	s.Redis.Do("XTRIM", e2etest.Stream, "MINID", "=", s.Delivered())
	load.more(s, 500)
	s.Redis.Do("CONFIG", "SET", "maxmemory", "0") // for the batch in hand
	load.stop()
	s.WantScreens(load.newest(), screen)
	s.wantTable(load.names())
}
