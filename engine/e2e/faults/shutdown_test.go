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
	"pitwall/engine/e2e/servers"

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

// wantShutdownSteps compares the steps in the engine's log with shutdownSteps. slack is
// what a busy machine may add to a bound. A step without a bound would take longer: as
// long as its server does not answer.
func wantShutdownSteps(t *testing.T, e *e2etest.Engine) {
	t.Helper()
	const slack = e2etest.Patience / 4
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

// wantWritten compares the table with the entries that the archive was given, and does
// not wait: an engine that has stopped has written and acknowledged them.
func (s *stack) wantWritten() {
	s.T.Helper()
	if s.Pending() {
		s.T.Error("entries pend after the shutdown")
	}
	// The stream has a record more than once where the publisher had to repeat it.
	given, last := map[string]bool{}, s.Delivered()
	for id, fields := range entriesOf(s.Redis, e2etest.Stream) {
		given[fmt.Sprint(fields)] = true
		if id == last {
			break
		}
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
	e := s.Start("--live-drain-ms=4000")
	// A spectator that has not read what was sent before the close frame within three
	// seconds is cut without a code. On a busy machine this test would be such a
	// spectator, so most of its spectators ask for few positions.
	var screens []*e2etest.Screen
	for i := range spectators {
		interval := `,"interval":5000`
		if i%10 < 2 {
			interval = ""
		}
		screens = append(screens, s.Watch(e.HTTP, "spectator", []string{"", "?batch=1"}[i%2], interval))
	}
	load.more(s, 1000)

	if err := e.Stop(); err != nil {
		t.Errorf("Run returned %v after a stop that was asked for", err)
	}
	wantShutdownSteps(t, e)
	if lines := e.Log.Errors(); len(lines) > 0 {
		t.Errorf("errors were logged: %v", lines)
	}
	s.wantWritten()
	for _, w := range screens {
		s.Eventually("a spectator to be told", func() bool { return w.Ending() != nil })
		if code := websocket.CloseStatus(w.Ending()); code != websocket.StatusGoingAway {
			t.Errorf("%s: %v, want close code 1001", w.Name, w.Ending())
		}
		w.Close()
	}
	load.stop() // a publisher that has connected again would count as a leak
	s.wantNoLeak(before)

	next := s.Start()
	screen := s.Watch(next.HTTP, "spectator of the next", "", "")
	later := s.load(s.RedisURL, devices)
	later.more(s, 200)
	later.stop()
	newest := load.newest()
	maps.Copy(newest, later.newest())
	s.WantScreens(newest, screen)
	s.wantTable(append(load.names(), later.names()...))
}

// wantNoLeak waits until every goroutine has ended that the options do not name.
func (s *stack) wantNoLeak(options ...goleak.Option) {
	s.T.Helper()
	var err error
	if !servers.Poll(e2etest.Patience, func() bool { err = goleak.Find(options...); return err == nil }) {
		s.T.Error(err)
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
	s.Eventually("an insert to hang", s.Pending)
	load.more(s, 500)

	err := e.Stop()
	if err == nil || !strings.Contains(err.Error(), "archive") {
		t.Errorf("Run returned %v, want what the archive could not write", err)
	}
	wantShutdownSteps(t, e)
	if !s.Pending() {
		t.Error("nothing pends although nothing could be written")
	}
	proxy.CutAll()
	proxy.Resume()
	s.wantNoLeak(before, goleak.IgnoreAnyFunction("pitwall/engine/internal/testenv.(*TCPProxy).relay"))

	s.Start("--instance-id=one")
	load.stop()
	s.wantTable(load.names())
}

// secondSignal: a second signal ends a process at once while it stops slowly, here
// because its archive waits for a database that does not answer.
func secondSignal(t *testing.T, bin string) {
	const devices = 100
	s := newStack(t, devices)
	proxy := s.ProxyDatabase()
	load := s.load(s.RedisURL, devices)
	p := s.process(bin)
	load.more(s, 500)
	proxy.Stall()
	s.Eventually("an insert to hang", s.Pending)

	p.signal(syscall.SIGTERM)
	s.Eventually("the archive to be all that is waited for", func() bool { return len(p.log().Find("stopped")) >= 2 })
	if !p.proc.Running() {
		t.Fatalf("the process did not wait for its archive:\n%s", p.output())
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 130 {
		t.Errorf("exit code %d after the second signal, want 130", code)
	}
	// Had it waited for the archive, that step would be in the log.
	if got := joinAttrs(p.log().Find("stopped"), "step"); got != "live server, event map and feed" {
		t.Errorf("the steps taken are %s: it did not end at once", got)
	}
}
