package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

// shutdownSteps are the steps of a shutdown in order, and how long each may
// take. The live server has its drain time on top.
var shutdownSteps = []struct {
	name  string
	bound time.Duration
}{
	{"live server", 5 * time.Second},
	{"event map and feed", 5 * time.Second},
	{"archive", 10 * time.Second},
	{"ops server", 5 * time.Second},
	{"redis", 5 * time.Second},
	{"database", 5 * time.Second},
}

// wantShutdownSteps compares the steps in the engine's log with shutdownSteps.
// A busy machine may add some time to each.
func wantShutdownSteps(t *testing.T, e *e2etest.Engine) {
	t.Helper()
	const slack = 3 * time.Second
	drains := map[string]time.Duration{"live server": time.Duration(e.Config.DrainMS) * time.Millisecond}
	var names []string
	for i, line := range e.Log.Find("stopped") {
		names = append(names, line.Attrs["step"])
		took, err := time.ParseDuration(line.Attrs["took"])
		if err != nil {
			t.Errorf("step %q took %q", line.Attrs["step"], line.Attrs["took"])
		}
		if i >= len(shutdownSteps) {
			continue
		}
		step := shutdownSteps[i]
		if bound := step.bound + drains[step.name]; took > bound+slack {
			t.Errorf("step %q took %v, its bound is %v", line.Attrs["step"], took, bound)
		}
	}
	var want []string
	for _, step := range shutdownSteps {
		want = append(want, step.name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("the steps were %q, want %q", names, want)
	}
}

// wantLeft does not wait: it compares the table with what the archive was given
// of the stream. An engine that has stopped must have written and acknowledged
// it.
func (s *stack) wantLeft() {
	s.T.Helper()
	if n := s.Pending(); n != 0 {
		s.T.Errorf("%d entries pend after the shutdown", n)
	}
	// The stream has a record more than once where the publisher had to repeat it.
	given := map[string]bool{}
	for _, entry := range s.Redis.Do("XRANGE", e2etest.Stream, "-", s.Delivered()).([]any) {
		given[fmt.Sprint(entry.([]any)[1])] = true
	}
	if rows := s.Number("SELECT count(*) FROM positions"); rows != len(given) || rows == 0 {
		s.T.Errorf("%d rows in the table, want the %d that the archive was given", rows, len(given))
	}
}

// A shutdown under load and with spectators. The steps come in the order of the
// design, each within its limit. Spectators are told 1001, the last batch of
// the archive is committed and acknowledged, no goroutine is left, and the next
// start continues where this one stopped.
func TestShutdownUnderLoad(t *testing.T) {
	const devices, spectators = 200, 40
	s := newStack(t, devices)
	load := s.load(s.RedisURL, devices)
	load.more(s, devices)
	before := goleak.IgnoreCurrent()
	// Spectators leave by and by, which leaves the processor to those who stay.
	e := s.Start("--live-drain-ms=4000")
	var screens []*e2etest.Screen
	for i := range spectators {
		screens = append(screens, s.Watch(e.HTTP, "spectator", []string{"", "?batch=1"}[i%2], ""))
	}
	load.more(s, 1000)

	if err := e.Stop(); err != nil {
		t.Errorf("Run returned %v after a stop that was asked for", err)
	}
	wantShutdownSteps(t, e)
	if lines := e.Log.Errors(); len(lines) > 0 {
		t.Errorf("errors were logged: %v", lines)
	}
	s.wantLeft()
	for _, w := range screens {
		s.Eventually("a spectator to be told", func() bool { return w.Ending() != nil })
		if code := websocket.CloseStatus(w.Ending()); code != websocket.StatusGoingAway {
			t.Errorf("%s: %v, want close code 1001", w.Name, w.Ending())
		}
		w.Close()
	}
	load.stop() // a publisher that has connected again would count as a leak
	goleak.VerifyNone(t, before)

	next := s.Start()
	screen := s.Watch(next.HTTP, "spectator of the next", "", "")
	later := s.load(s.RedisURL, devices)
	later.more(s, 200)
	later.stop()
	newest := load.newest()
	maps.Copy(newest, later.newest())
	s.WantScreens(newest, screen)
	s.wantTable(append(load.names(), later.names()...))
	if err := next.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// With a database that does not answer, each step keeps its limit and the error
// is reported. What the archive could not write stays pending, and is written
// after the next start.
func TestShutdownWithDatabaseStalled(t *testing.T) {
	const devices = 100
	s := newStack(t, devices)
	proxy := s.ProxyDatabase()
	load := s.load(s.RedisURL, devices)
	load.more(s, devices)
	before := goleak.IgnoreCurrent()
	e := s.Start("--instance-id=one")
	load.more(s, 500)
	proxy.Stall()
	s.Eventually("an insert to hang", func() bool { return s.Pending() > 0 })
	load.more(s, 500)

	err := e.Stop()
	if err == nil || !strings.Contains(err.Error(), "archive") {
		t.Errorf("Run returned %v, want what the archive could not write", err)
	}
	wantShutdownSteps(t, e)
	if s.Pending() == 0 {
		t.Error("nothing pends although nothing could be written")
	}
	proxy.CutAll()
	proxy.Resume()
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("pitwall/engine/internal/testenv.(*TCPProxy).relay"))

	next := s.Start("--instance-id=one")
	load.stop()
	s.wantTable(load.names())
	if err := next.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// secondSignal: a second signal ends a process at once that is slow to stop,
// here because its archive waits for a database that does not answer.
func secondSignal(t *testing.T, bin string) {
	const devices = 100
	s := newStack(t, devices)
	proxy := s.ProxyDatabase()
	load := s.load(s.RedisURL, devices)
	p := s.process(bin)
	load.more(s, 500)
	proxy.Stall()
	s.Eventually("an insert to hang", func() bool { return s.Pending() > 0 })

	p.signal(syscall.SIGTERM)
	s.Eventually("the archive to be all that is waited for", func() bool { return len(p.Log.Find("stopped")) >= 2 })
	select {
	case <-p.done:
		t.Fatalf("the process did not wait for its archive:\n%s", p.output())
	default:
	}
	began := time.Now()
	p.signal(syscall.SIGINT)
	if code := p.wait(e2etest.Patience); code != 130 {
		t.Errorf("exit code %d after the second signal, want 130", code)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the process took %v after the second signal", took)
	}
	if got := joinAttrs(p.Log.Find("stopped"), "step"); got != "live server, event map and feed" {
		t.Errorf("the steps taken are %s: it did not end at once", got)
	}
}
