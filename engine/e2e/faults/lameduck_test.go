package faults

import (
	"syscall"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// lameDuck: in the lame-duck time /readyz says no, and spectators still come in and
// get positions. A repeated SIGTERM does not end it, a SIGINT does.
func lameDuck(t *testing.T, bin string) {
	s := newStack(t, 1)
	p := s.process(bin, "--live-lame-duck-ms=600000")
	s.Add("device_id", e2etest.Device(0), "lat", "47.1", "lon", "8")

	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGTERM)
	s.Eventually("readiness to end", func() bool { status, _ := p.Get(t, "/readyz"); return status == 503 })
	late := s.Watch(p.HTTP, "late", "", "")
	s.Add("device_id", e2etest.Device(0), "lat", "47.2", "lon", "8")
	s.Eventually("a live position in the lame-duck time", func() bool { live, _ := late.Counts(); return live > 0 })
	if lines := p.log().Find("stopped"); len(lines) > 0 {
		t.Fatalf("the process stopped something in the lame-duck time:\n%s", p.output())
	}

	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, p.output())
	}
	if got, want := joinAttrs(p.log().Find("stopped"), "step"), "lame duck, live server, event map and feed, archive, ops server, redis, database"; got != want {
		t.Errorf("the steps taken are %s, want %s", got, want)
	}
}
