package faults

import (
	"syscall"
	"testing"
)

// killedUnderLoad: a process that is killed under load, with unacknowledged
// entries, loses nothing. The next one writes what it left, with the same or
// another id, and the table has every acknowledged record exactly once.
func killedUnderLoad(t *testing.T, bin string) {
	const devices = 200
	s := newStack(t, devices)
	stalled := s.ProxyDatabase()
	load := s.load(s.Redis.URL(), devices)

	// At any point between reading, inserting and acknowledging.
	p := s.process(bin, "--instance-id=one")
	load.more(s, 2000)
	s.Eventually("entries to pend", s.Pending)
	p.kill()

	// In the middle of an insert. The next process has the same id and
	// continues with its own entries.
	p = s.process(bin, "--instance-id=one")
	load.more(s, 1000)
	s.Eventually("the successor to catch up", func() bool { return !s.Pending() })
	stalled.Stall()
	s.Eventually("an insert to hang", s.Pending)
	p.kill()
	if !s.Pending() {
		t.Error("nothing pends although the database did not answer")
	}
	stalled.Resume()

	// A process with another id claims what is left.
	p = s.process(bin, "--instance-id=two")
	screen := s.Watch(p.HTTP, "spectator of the last", "?batch=1", "")
	load.more(s, 500)
	load.stop()

	s.WantScreens(load.newest(), screen)
	s.wantTable(load.names())
	if n := p.Metric(t, "processor_archive_claimed_total"); n == 0 {
		t.Error("the last process took nothing over from the one before")
	}
	for _, lost := range []string{"processor_archive_lost_total", "processor_archive_groups_lost_total", "processor_archive_dead_total"} {
		p.WantMetric(t, lost, 0)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d after SIGTERM:\n%s", code, p.output())
	}
}
