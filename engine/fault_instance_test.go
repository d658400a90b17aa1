package engine_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// faultLease is the key that an instance id is leased under.
func faultLease(id string) string { return "pitwall:lease:" + id }

// faultSecondInstance: a second process with the id of one that lives refuses to start and says
// why; the first notices nothing. After the first was killed, with its lease
// still in force, the next one comes up.
func faultSecondInstance(t *testing.T, bin string) {
	const devices = 100
	s := newFaultSite(t, devices)
	first := s.process(bin, "--instance-id=one")
	screen := s.watch(first.http, "spectator of the first", "?batch=1", "")
	load := s.load(s.redisURL, devices)
	load.more(s, devices)

	second := s.launch("--instance-id=one")
	select {
	case <-second.done:
	case <-second.engine.Ready():
		t.Fatal("two live processes have the same INSTANCE_ID")
	case <-time.After(faultPatience):
		t.Fatal("the second process neither starts nor refuses")
	}
	if second.err == nil || !strings.Contains(second.err.Error(), "INSTANCE_ID") || !strings.Contains(second.err.Error(), `"one"`) {
		t.Errorf("the second process ends with %v, want INSTANCE_ID and its value", second.err)
	}
	load.more(s, devices)
	if status, body := first.get(t, "/readyz"); status != 200 {
		t.Errorf("/readyz of the first answers %d: %s", status, body)
	}
	load.stop()
	s.wantScreens(load.newest(), screen)
	if live, _ := screen.counts(); live != load.count() {
		t.Errorf("the spectator of the first saw %d positions, want all %d", live, load.count())
	}

	first.kill()
	if s.redis.Do("EXISTS", faultLease("one")) != int64(1) {
		t.Error("the lease ended with the process: nothing was waited for")
	}
	third := s.start("--instance-id=one")
	after := s.watch(third.http, "spectator of the third", "", "")
	s.wantScreens(load.newest(), after)
	s.wantTable(load.names())
	if err := third.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if s.redis.Do("EXISTS", faultLease("one")) != int64(0) {
		t.Error("a clean stop left the lease behind")
	}
}

// A process that was suspended for longer than its lease lasts finds another
// with its id when it goes on: it takes nothing from the other's spectators,
// and its live part ends.
func faultSuspendedInstance(t *testing.T, bin string) {
	const devices = 100
	s := newFaultSite(t, devices)
	first := s.process(bin, "--instance-id=one")
	before := s.load(s.redisURL, devices)
	before.more(s, devices)
	first.signal(syscall.SIGSTOP)
	before.stop()

	second := s.process(bin, "--instance-id=one")
	screen := s.watch(second.http, "spectator of the second", "", "")
	load := s.load(s.redisURL, devices)
	load.more(s, devices)
	first.signal(syscall.SIGCONT)
	s.eventually("/readyz of the first to turn off", func() bool {
		status, body := first.get(t, "/readyz")
		return status == 503 && (strings.Contains(body, "lease") || strings.Contains(body, "INSTANCE_ID"))
	})
	load.more(s, 1000)
	load.stop()
	s.wantScreens(load.newest(), screen)
	if live, _ := screen.counts(); live != load.count() {
		t.Errorf("the spectator of the second saw %d positions, want all %d", live, load.count())
	}
	second.wantMetric(t, "processor_live_records_total", load.count())
	if status, body := second.get(t, "/readyz"); status != 200 {
		t.Errorf("/readyz of the second answers %d: %s", status, body)
	}
	s.wantTable(append(before.names(), load.names()...))
}

// Two processes of different ids each give the whole stream to their own
// spectators, and write each position once between them.
func TestFaultTwoInstances(t *testing.T) {
	const devices = 200
	s := newFaultSite(t, devices)
	engines := []*faultEngine{s.start("--instance-id=one"), s.start("--instance-id=two")}
	screens := []*faultScreen{
		s.watch(engines[0].http, "spectator of one", "?batch=1", ""),
		s.watch(engines[1].http, "spectator of two", "?batch=1", ""),
	}
	load := s.load(s.redisURL, devices)
	load.more(s, 3000)
	load.stop()

	s.wantScreens(load.newest(), screens...)
	s.wantTable(load.names())
	rows := 0
	for i, e := range engines {
		if live, lagged := screens[i].counts(); live != load.count() || lagged > 0 {
			t.Errorf("%s saw %d positions, want all %d; %d lagged snapshots", screens[i].name, live, load.count(), lagged)
		}
		e.wantMetric(t, "processor_live_records_total", load.count())
		e.wantMetric(t, "processor_archive_duplicates_total", 0)
		written := e.metric(t, "processor_archive_rows_total")
		if written == 0 {
			t.Errorf("engine %d wrote nothing: they do not share the work", i)
		}
		rows += written
	}
	if rows != load.count() {
		t.Errorf("the two wrote %d rows, want %d", rows, load.count())
	}
	for _, e := range engines {
		if err := e.stop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	}
}

// Another's token in the lease: the live part ends, its spectators are sent
// away and /readyz says why; the archive goes on, and nothing of the other
// process is touched.
func TestFaultLeaseTaken(t *testing.T) {
	const devices = 100
	s := newFaultSite(t, devices)
	e := s.start("--instance-id=one")
	screens := []*faultScreen{s.watch(e.http, "first", "", ""), s.watch(e.http, "second", "?batch=1", "")}
	load := s.load(s.redisURL, devices)
	load.more(s, devices)

	s.redis.Do("SET", faultLease("one"), "of another", "PX", "120000")
	for _, w := range screens {
		s.eventually(w.name+" to be sent away", func() bool { return w.ending() != nil })
		if code := websocket.CloseStatus(w.ending()); code != websocket.StatusGoingAway {
			t.Errorf("%s: %v, want close code 1001", w.name, w.ending())
		}
	}
	s.eventually("/readyz to turn off", func() bool {
		status, body := e.get(t, "/readyz")
		return status == 503 && (strings.Contains(body, "lease") || strings.Contains(body, "INSTANCE_ID"))
	})
	if status, _ := e.get(t, "/healthz"); status != 200 {
		t.Errorf("/healthz answers %d: the process is alive", status)
	}
	answer, err := faultHTTP.Do(faultHandshake(t, e.http))
	if err != nil {
		t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != 503 {
		t.Errorf("a new spectator gets %d, want 503", answer.StatusCode)
	}

	load.more(s, 1000)
	load.stop()
	s.wantTable(load.names())
	if err := e.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if token := s.redis.Do("GET", faultLease("one")); token != "of another" {
		t.Errorf("the other's lease holds %v afterwards", token)
	}
	if groups := fmt.Sprint(s.redis.Do("XINFO", "GROUPS", faultStream)); !strings.Contains(groups, "live-broadcast-one") {
		t.Errorf("the live group, which is the other's now, was destroyed; there are %s", groups)
	}
}
