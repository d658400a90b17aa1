package live

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A client that sends a flood of requests is refused once, and then not read for a
// pause. Others are not affected. It is served again after the pause. If it leaves
// during the pause, nothing of it is kept.
func TestFloodIsNotReadWhileItIsThrottled(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		t.Run(fmt.Sprintf("leaves=%v", leaves), func(t *testing.T) {
			r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 10, 3 })
			r.srv.throttleTime = time.Hour
			begin := time.Now()
			w := r.rawClient()
			s := r.newestSession()
			go func() {
				for n := range 2000 {
					if _, err := w.conn.Write(text(fmt.Sprintf(`{"type":"ping","id":"%d"}`, n))); err != nil {
						return
					}
				}
			}()
			pongs, p := 0, ""
			for _, p = w.nextFrame(); strings.Contains(p, `"pong"`); _, p = w.nextFrame() {
				pongs++
			}
			if !strings.Contains(p, `"rate_limited"`) {
				t.Errorf("a request was answered with %s, want pong or rate_limited", p)
			}
			if most := 3 + 1 + int(10*time.Since(begin).Seconds()); pongs < 3 || pongs > most {
				t.Errorf("%d requests were answered with pong, want 3 to %d", pongs, most)
			}
			eventually(t, "the server to stop reading", s.inbox.paused)
			if n := r.srv.m.throttles.Get(); n != 1 {
				t.Errorf("%d pauses are counted, want 1", n)
			}
			if n := r.set.GetOrCreateCounter(refusedName("rate_limited")).Get(); n != 1 {
				t.Errorf("%d requests of the flood were refused, want 1", n)
			}
			other := r.watch("", "e")
			other.awaitPosition("e", "a", r.publish("a"))
			if leaves {
				s.cut()
				r.awaitConnections(1)
				if n := s.inbox.held(); n != 0 || s.inbox.peek() != nil {
					t.Errorf("a session that has left holds %d bytes of requests, want 0", n)
				}
				if s.throttleTimer.Stop() {
					t.Error("the timer of a session that has left was not stopped")
				}
				return
			}
			r.srv.throttleTime = time.Millisecond
			s.throttled.Store(false) // as the timer does
			s.schedule()
			w.awaitText(`"pong"`) // once the rate allows one
		})
	}
}

// Ping frames are limited as requests are, although no dispatcher answers them.
func TestPingFramesBeyondTheRateAreNotRead(t *testing.T) {
	r := start(t, nil, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 1e-6, 3 })
	r.srv.throttleTime = time.Hour
	w := r.rawClient()
	s := r.newestSession()
	for range 3 {
		w.send(masked(fin|opPing, "x"))
		if op, _ := w.nextFrame(); op != opPong {
			t.Fatalf("a ping was answered with opcode %#x, want a pong", op)
		}
	}
	if s.inbox.paused() || r.srv.m.throttles.Get() != 0 {
		t.Error("the server stopped reading for pings within the rate")
	}
	w.send(masked(fin|opPing, "x"))
	eventually(t, "the server to stop reading", s.inbox.paused)
	if n := r.srv.m.throttles.Get(); n != 1 {
		t.Errorf("%d pauses are counted, want 1", n)
	}
	s.cut()
	r.awaitConnections(0)
}

// The server reads again by itself when the pause is over.
func TestThrottleEnds(t *testing.T) {
	r := start(t, nil, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 1e6, 1 })
	r.srv.throttleTime = time.Millisecond
	w := r.rawClient()
	for n := range 50 {
		w.send(append(masked(fin|opPing, "x"), text(fmt.Sprintf(`{"type":"ping","id":"%d"}`, n))...))
		w.awaitText(fmt.Sprintf(`"id":"%d"`, n))
	}
}

// BenchmarkFloodBeyondTheRate measures the cost of a message beyond the rate.
func BenchmarkFloodBeyondTheRate(b *testing.B) {
	r := start(b, nil, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 20, 1 })
	r.srv.throttleTime = time.Millisecond
	w := r.rawClient()
	for b.Loop() {
		w.send(text(`{"type":"ping","id":"1"}`))
		w.nextFrame()
	}
}
