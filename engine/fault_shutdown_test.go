package engine_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

// faultSteps are the steps of a shutdown in their order, and how long each may
// take with the settings of faultSite.flags.
var faultSteps = []struct {
	name  string
	bound time.Duration
}{
	{"live server", 5200 * time.Millisecond},
	{"event map and feed", 5 * time.Second},
	{"archive", 10 * time.Second},
	{"ops server", 5 * time.Second},
	{"redis", 5 * time.Second},
	{"database", 5 * time.Second},
}

// wantSteps compares what a log says of the shutdown with faultSteps. What a
// busy machine may add to a bound is on top.
func faultWantSteps(t *testing.T, l *faultLog) {
	t.Helper()
	const slack = 3 * time.Second
	var names []string
	for i, line := range l.find("stopped") {
		names = append(names, line.attrs["step"])
		took, err := time.ParseDuration(line.attrs["took"])
		if err != nil {
			t.Errorf("step %q took %q", line.attrs["step"], line.attrs["took"])
		}
		if i < len(faultSteps) && took > faultSteps[i].bound+slack {
			t.Errorf("step %q took %v, its bound is %v", line.attrs["step"], took, faultSteps[i].bound)
		}
	}
	var want []string
	for _, step := range faultSteps {
		want = append(want, step.name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("the steps were %q, want %q", names, want)
	}
}

// wantLeft waits for nothing: it compares the table with what the archive was
// given of the stream, which an engine that has stopped must have written and
// acknowledged.
func (s *faultSite) wantLeft(load *faultLoad) {
	s.t.Helper()
	if n := s.pending(); n != 0 {
		s.t.Errorf("%d entries pend after the shutdown", n)
	}
	// The stream has no record twice unless the publisher had to repeat.
	if load.retries > 0 {
		s.t.Fatalf("the publisher had to repeat %d batches", load.retries)
	}
	given := len(s.redis.Do("XRANGE", faultStream, "-", s.delivered()).([]any))
	if rows := s.number("SELECT count(*) FROM positions"); rows != given || rows == 0 {
		s.t.Errorf("%d rows in the table, want the %d that the archive was given", rows, given)
	}
}

// Under load and with spectators: the steps come in the design's order, each
// within its bound; spectators are told 1001; the last batch of the archive is
// committed and acknowledged; no goroutine is left; and the next start goes on
// where this one stopped.
func TestFaultShutdownUnderLoad(t *testing.T) {
	const devices, spectators = 200, 40
	s := newFaultSite(t, devices)
	load := s.load(s.redisURL, devices)
	load.more(s, devices)
	before := goleak.IgnoreCurrent()
	e := s.start()
	var screens []*faultScreen
	for i := range spectators {
		screens = append(screens, s.watch(e.http, "spectator", []string{"", "?batch=1"}[i%2], ""))
	}
	load.more(s, 1000)

	if err := e.stop(); err != nil {
		t.Errorf("Run returned %v after a stop that was asked for", err)
	}
	faultWantSteps(t, e.log)
	if lines := faultErrors(e.log); len(lines) > 0 {
		t.Errorf("errors were logged: %v", lines)
	}
	s.wantLeft(load)
	for _, w := range screens {
		s.eventually("a spectator to be told", func() bool { return w.ending() != nil })
		if code := websocket.CloseStatus(w.ending()); code != websocket.StatusGoingAway {
			t.Errorf("%s: %v, want close code 1001", w.name, w.ending())
		}
		w.close()
	}
	goleak.VerifyNone(t, before)

	next := s.start()
	screen := s.watch(next.http, "spectator of the next", "", "")
	load.more(s, 200)
	load.stop()
	s.wantScreens(load.newest(), screen)
	s.wantTable(load.names())
	if err := next.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// A database that does not answer bounds no step and hides no error: what the
// archive could not write pends, and is written by the next start.
func TestFaultShutdownWithDatabaseStalled(t *testing.T) {
	const devices = 100
	s := newFaultSite(t, devices)
	proxy := s.stallable()
	load := s.load(s.redisURL, devices)
	load.more(s, devices)
	before := goleak.IgnoreCurrent()
	e := s.start("--instance-id=one")
	load.more(s, 500)
	proxy.Stall()
	s.eventually("an insert to hang", func() bool { return s.pending() > 0 })
	load.more(s, 500)

	err := e.stop()
	if err == nil || !strings.Contains(err.Error(), "archive") {
		t.Errorf("Run returned %v, want what the archive could not write", err)
	}
	faultWantSteps(t, e.log)
	if s.pending() == 0 {
		t.Error("nothing pends although nothing could be written")
	}
	proxy.CutAll()
	proxy.Resume()
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("pitwall/engine/internal/testenv.(*TCPProxy).relay"))

	next := s.start("--instance-id=one")
	load.stop()
	s.wantTable(load.names())
	if err := next.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// faultSecondSignal: the second signal ends a process at once that is slow to stop, here since
// its archive waits for a database that does not answer.
func faultSecondSignal(t *testing.T, bin string) {
	const devices = 100
	s := newFaultSite(t, devices)
	proxy := s.stallable()
	load := s.load(s.redisURL, devices)
	p := s.process(bin)
	load.more(s, 500)
	proxy.Stall()
	s.eventually("an insert to hang", func() bool { return s.pending() > 0 })

	p.signal(syscall.SIGTERM)
	s.eventually("the archive to be all that is waited for", func() bool { return len(p.log.find("stopped")) >= 2 })
	select {
	case <-p.done:
		t.Fatalf("the process did not wait for its archive:\n%s", p.output())
	default:
	}
	began := time.Now()
	p.signal(syscall.SIGINT)
	if code := p.wait(faultPatience); code != 130 {
		t.Errorf("exit code %d after the second signal, want 130", code)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the process took %v after the second signal", took)
	}
	if got := faultJoin(p.log.find("stopped"), "step"); got != "live server, event map and feed" {
		t.Errorf("the steps taken are %s: it did not end at once", got)
	}
}
