package faults

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"pitwall/engine/e2e/e2etest"

	"github.com/coder/websocket"
)

// leaseKey is the key of the lease of an instance id.
func leaseKey(id string) string { return "pitwall:lease:" + id }

// secondInstance: a second process with the id of a running one refuses to start and
// says why, and the first goes on. After the first is killed, the next one starts when
// its lease has expired.
func secondInstance(t *testing.T, bin string) {
	const devices = 100
	s := newStack(t, devices)
	first := s.process(bin, append(showsAll, "--instance-id=one")...)
	screen := s.Watch(first.HTTP, "spectator of the first", "?batch=1", "")
	load := s.load(s.RedisURL, devices)
	load.more(s, devices)

	err := s.Launch("--instance-id=one").AwaitReady()
	if err == nil {
		t.Fatal("two live processes have the same INSTANCE_ID")
	}
	if !strings.Contains(err.Error(), "INSTANCE_ID") || !strings.Contains(err.Error(), `"one"`) {
		t.Errorf("the second process ends with %v, want INSTANCE_ID and its value", err)
	}
	load.more(s, devices)
	s.wantReady(first.Addrs)
	load.stop()
	s.WantScreens(load.newest(), screen)
	if live, _ := screen.Counts(); live != load.count() {
		t.Errorf("the spectator of the first saw %d positions, want all %d", live, load.count())
	}

	first.kill()
	if s.Redis.Do("EXISTS", leaseKey("one")) != int64(1) {
		t.Error("the lease ended with the process, so the next start need not wait for it")
	}
	third := s.Start("--instance-id=one")
	after := s.Watch(third.HTTP, "spectator of the third", "", "")
	s.WantScreens(load.newest(), after)
	s.wantTable(load.names())
	if err := third.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if s.Redis.Do("EXISTS", leaseKey("one")) != int64(0) {
		t.Error("the lease is still there after a clean stop")
	}
}

// A process that was suspended for longer than its lease finds another one with
// its id when it resumes. It takes nothing from the spectators of the other,
// and its live part ends.
func suspendedInstance(t *testing.T, bin string) {
	const devices = 100
	s := newStack(t, devices)
	first := s.process(bin, "--instance-id=one")
	before := s.load(s.RedisURL, devices)
	before.more(s, devices)
	first.signal(syscall.SIGSTOP)
	before.stop()

	second := s.process(bin, append(showsAll, "--instance-id=one")...)
	screen := s.Watch(second.HTTP, "spectator of the second", "", "")
	load := s.load(s.RedisURL, devices)
	load.more(s, devices)
	first.signal(syscall.SIGCONT)
	s.Eventually("/readyz of the first to turn off", func() bool {
		status, body := first.Get(t, "/readyz")
		return status == 503 && (strings.Contains(body, "lease") || strings.Contains(body, "INSTANCE_ID"))
	})
	load.more(s, 1000)
	load.stop()
	s.WantScreens(load.newest(), screen)
	if live, _ := screen.Counts(); live != load.count() {
		t.Errorf("the spectator of the second saw %d positions, want all %d", live, load.count())
	}
	second.WantMetric(t, "processor_live_records_total", load.count())
	s.wantReady(second.Addrs)
	s.wantTable(append(before.names(), load.names()...))
}

// Two processes with different ids each give the whole stream to their own
// spectators, and together write each position once.
func TestTwoInstances(t *testing.T) {
	const devices = 200
	s := newStack(t, devices)
	engines := []*e2etest.Engine{s.Start(append(showsAll, "--instance-id=one")...), s.Start(append(showsAll, "--instance-id=two")...)}
	screens := []*e2etest.Screen{
		s.Watch(engines[0].HTTP, "spectator of one", "?batch=1", ""),
		s.Watch(engines[1].HTTP, "spectator of two", "?batch=1", ""),
	}
	load := s.load(s.RedisURL, devices)
	load.more(s, 3000)
	load.stop()

	s.WantScreens(load.newest(), screens...)
	s.wantTable(load.names())
	rows := 0
	for i, e := range engines {
		if live, lagged := screens[i].Counts(); live != load.count() || lagged > 0 {
			t.Errorf("%s saw %d positions, want all %d; %d lagged snapshots", screens[i].Name, live, load.count(), lagged)
		}
		e.WantMetric(t, "processor_live_records_total", load.count())
		e.WantMetric(t, "processor_archive_duplicates_total", 0)
		written := e.Metric(t, "processor_archive_rows_total")
		if written == 0 {
			t.Errorf("engine %d wrote nothing: they do not share the work", i)
		}
		rows += written
	}
	if rows != load.count() {
		t.Errorf("the two wrote %d rows, want %d", rows, load.count())
	}
}

// The lease holds another token. The live part ends, its spectators are
// disconnected and /readyz says why. The archive goes on, and the other process's lease
// and group stay as they are.
func TestLeaseTaken(t *testing.T) {
	const devices = 100
	s := newStack(t, devices)
	e := s.Start("--instance-id=one")
	screens := []*e2etest.Screen{s.Watch(e.HTTP, "first", "", ""), s.Watch(e.HTTP, "second", "?batch=1", "")}
	load := s.load(s.RedisURL, devices)
	load.more(s, devices)

	s.Redis.Do("SET", leaseKey("one"), "of another", "PX", "120000")
	for _, w := range screens {
		s.Eventually(w.Name+" to be disconnected", func() bool { return w.Ending() != nil })
		if code := websocket.CloseStatus(w.Ending()); code != websocket.StatusGoingAway {
			t.Errorf("%s: %v, want close code 1001", w.Name, w.Ending())
		}
	}
	s.Eventually("/readyz to turn off", func() bool {
		status, body := e.Get(t, "/readyz")
		return status == 503 && (strings.Contains(body, "lease") || strings.Contains(body, "INSTANCE_ID"))
	})
	if status, _ := e.Get(t, "/healthz"); status != 200 {
		t.Errorf("/healthz answers %d: the process is alive", status)
	}
	if _, status, err := e2etest.Connect(e.HTTP, "", nil, nil); err == nil || status != 503 {
		t.Errorf("a new spectator gets %d (%v), want 503", status, err)
	}

	load.more(s, 1000)
	load.stop()
	s.wantTable(load.names())
	if err := e.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if token := s.Redis.Do("GET", leaseKey("one")); token != "of another" {
		t.Errorf("the other's lease holds %v afterwards", token)
	}
	if groups := fmt.Sprint(s.Redis.Do("XINFO", "GROUPS", e2etest.Stream)); !strings.Contains(groups, "live-broadcast-one") {
		t.Errorf("the live group, which is the other's now, was destroyed; there are %s", groups)
	}
}
