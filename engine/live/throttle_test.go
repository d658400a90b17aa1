package live

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// A client that floods is refused once, and then not read: what it sends fills its
// own window. Others do not notice. It is served again after the pause. If it leaves
// during the pause, nothing of it is kept.
func TestFloodIsNotReadWhileItIsThrottled(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		t.Run(fmt.Sprintf("leaves=%v", leaves), func(t *testing.T) {
			r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 10, 3 })
			r.srv.throttleTime = time.Hour
			w := r.wire()
			s := r.newest()
			go func() {
				for n := range 2000 {
					if _, err := w.conn.Write(text(fmt.Sprintf(`{"type":"ping","id":"%d"}`, n))); err != nil {
						return
					}
				}
			}()
			for n := range 4 {
				_, p := w.frame()
				if want := map[bool]string{true: `"pong"`, false: `"rate_limited"`}[n < 3]; !strings.Contains(p, want) {
					t.Errorf("request %d was answered with %s, want %s", n, p, want)
				}
			}
			testenv.Eventually(t, patience, "the reader to stop", s.inbox.paused)
			if n := r.srv.m.throttles.Get(); n != 1 {
				t.Errorf("%d pauses are counted, want 1", n)
			}
			if n := r.set.GetOrCreateCounter(refusedName("rate_limited")).Get(); n != 1 {
				t.Errorf("%d requests of the flood were refused, want 1", n)
			}
			by := r.spectator("")
			by.subscribe("e")
			by.sees("e", "a", r.publish("a"))
			if leaves {
				s.cut()
				r.gone(1)
				if n := s.inbox.held(); n != 0 || !s.inbox.empty() {
					t.Errorf("a session that has left keeps %d bytes of requests", n)
				}
				if s.throttleTimer.Stop() {
					t.Error("a session that has left is kept by its timer")
				}
				return
			}
			r.srv.throttleTime = time.Millisecond
			s.throttled.Store(false) // as the timer does
			s.schedule()
			w.until(`"pong"`) // as soon as there is a credit
		})
	}
}

// Ping frames, which need no dispatcher, are limited as requests are.
func TestPingFramesBeyondTheRateAreNotRead(t *testing.T) {
	r := start(t, nil, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 1e-6, 3 })
	r.srv.throttleTime = time.Hour
	w := r.wire()
	s := r.newest()
	for range 3 {
		w.send(masked(fin|opPing, "x"))
		if op, _ := w.frame(); op != opPong {
			t.Fatalf("a ping was answered with opcode %d", op)
		}
	}
	if s.inbox.paused() || r.srv.m.throttles.Get() != 0 {
		t.Error("pings within the rate stop the reader")
	}
	w.send(masked(fin|opPing, "x"))
	testenv.Eventually(t, patience, "the reader to stop", s.inbox.paused)
	if n := r.srv.m.throttles.Get(); n != 1 {
		t.Errorf("%d pauses are counted, want 1", n)
	}
	s.cut()
	r.gone(0)
}

// The reader goes on by itself when the pause is over.
func TestThrottleEnds(t *testing.T) {
	r := start(t, nil, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 1e6, 1 })
	r.srv.throttleTime = time.Millisecond
	w := r.wire()
	for n := range 50 {
		w.send(append(masked(fin|opPing, "x"), text(fmt.Sprintf(`{"type":"ping","id":"%d"}`, n))...))
		w.until(fmt.Sprintf(`"id":"%d"`, n))
	}
}

// BenchmarkFloodBeyondTheRate is what a message costs that its sender may not
// send.
func BenchmarkFloodBeyondTheRate(b *testing.B) {
	r := start(b, nil, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 20, 1 })
	r.srv.throttleTime = time.Millisecond
	w := r.wire()
	for b.Loop() {
		w.send(text(`{"type":"ping","id":"1"}`))
		w.frame()
	}
}
