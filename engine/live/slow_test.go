package live

import (
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// A spectator who reads nothing, then everything, several times over: he is
// late, never stale, and nobody else notices.
func TestSlowSpectatorStopsAndStarts(t *testing.T) {
	for _, shape := range shapesOf {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			devices := names(20)
			r := start(t, map[string][]string{"e": devices}, tight)
			f := r.flowOf("e", shape.query, devices)
			w := r.slow(shape.query, shape.headers...)
			w.subscribe("e")
			s := r.newest()
			f.stopsAndStarts(w, s, 5, most(len(devices)))
		})
	}
}

// stopsAndStarts has w stop reading until it lags, then read everything, cycles
// times, and follow again. No more than most bytes may be unsent meanwhile.
func (f *flow) stopsAndStarts(w *wire, s *session, cycles, most int) {
	f.r.t.Helper()
	for cycle := range cycles {
		before := len(w.lagged("e"))
		f.untilLagged(s)
		for range 20 {
			f.step()
			if _, n := s.conn.Queued(); n > most {
				f.r.t.Fatalf("cycle %d: %d bytes unsent, at most %d may be", cycle, n, most)
			}
		}
		f.level(w)
		if len(w.lagged("e")) == before {
			f.r.t.Errorf("cycle %d: no lagged snapshot", cycle)
		}
	}
	for range 5 {
		f.step()
		f.level(w)
	}
	f.whole()
	f.r.held(0)
}

// A reader at a tenth of the rate stays connected; what is kept for him stays
// bounded; he gets a lagged snapshot whenever he has drained. Compressed, so
// few bytes come that he is not slow.
func TestSlowSpectatorAtATenthOfTheRate(t *testing.T) {
	for _, shape := range shapesOf[:2] {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			devices := names(20)
			r := start(t, map[string][]string{"e": devices}, tight)
			f := r.flowOf("e", shape.query, devices)
			w := r.slow(shape.query, shape.headers...)
			w.subscribe("e")
			s := r.newest()
			got, credit := 0, 0
			for range 300 {
				f.step()
				for credit += len(devices) * 300 / 10; credit > 0; {
					_, p := w.frame()
					got += len(p)
					credit -= len(p)
				}
				if _, n := s.conn.Queued(); n > most(len(devices)) {
					t.Fatalf("%d bytes unsent, at most %d may be", n, most(len(devices)))
				}
			}
			slots, _ := s.conn.Queued()
			t.Logf("sent %d positions; got %d bytes, %d lagged snapshots; %d chunks unsent", f.sent, got, len(w.lagged("e")), slots)
			if len(w.lagged("e")) == 0 {
				t.Error("no lagged snapshot came")
			}
			f.level(w)
			f.whole()
			r.held(0)
		})
	}
}

// A topic that is subscribed while the connection lags comes whole, once the
// queue has room for it, and is live behind its snapshot.
func TestSlowSpectatorSubscribesWhileLagged(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices, "f": {"x", "y"}}, tight)
	f := r.flowOf("e", "", devices)
	w := r.slow("")
	w.subscribe("e")
	for range 3 {
		f.untilLagged(r.newest())
		r.publish("x", "y")
		w.send(text(`{"type":"subscribe","id":"late","topic":"event:f"}`))
		r.publish("x", "y")
		r.publish("x")
		f.level(w)
		w.readUntil("the newest of f", func() bool { return w.screen.shows(r, "f", []string{"x", "y"}) })
		w.send(text(`{"type":"unsubscribe","id":"off","topic":"event:f"}`))
		w.until(`"unsubscribed","id":"off"`)
	}
	f.whole()
}

// What the roster lost and won while a connection lagged is told.
func TestSlowSpectatorAndTheRoster(t *testing.T) {
	for _, shape := range shapesOf {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			devices := names(20)
			r := start(t, map[string][]string{"e": devices, "other": {"new"}}, tight)
			r.publish("new")
			f := r.flowOf("e", shape.query, devices)
			w := r.slow(shape.query, shape.headers...)
			w.subscribe("e")
			s := r.newest()

			f.untilLagged(s)
			r.swap(map[string][]string{"e": append(names(20)[5:], "new"), "other": {"new"}})
			now := append(names(20)[5:], "new")
			r.publish(devices[:5]...) // of no event any more
			w.readUntil("the roster of now", func() bool { return w.screen.shows(r, "e", now) })
			testenv.Eventually(t, patience, "the honest screen", func() bool { return f.honest.shows(r, "e", now) })

			// Away and back again: they are on the screen, with their newest.
			f.devices = now
			f.untilLaggedAgain(s)
			r.swap(map[string][]string{"e": {}, "other": {"new"}})
			r.swap(map[string][]string{"e": devices, "other": {"new"}})
			f.devices = devices
			f.step()
			w.readUntil("the first roster again", func() bool { return w.screen.shows(r, "e", devices) })
		})
	}
}

// An unsubscribe is obeyed however far behind the client is: its answer is the
// topic's last frame (which every screen checks), and the ring is free again.
func TestSlowSpectatorUnsubscribes(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices, "f": {"x"}}, tight)
	f := r.flowOf("e", "", devices)
	w := r.slow("")
	w.subscribe("e")
	w.subscribe("f")
	for range 3 {
		f.untilLagged(r.newest())
		w.send(text(`{"type":"unsubscribe","id":"off","topic":"event:e"}`))
		testenv.Eventually(t, patience, "the end of the subscription", func() bool { return r.srv.m.subscriptions.Get() == 2 })
		f.step()
		f.step()
		w.until(`"unsubscribed","id":"off"`)
		r.publish("x")
		w.readUntil("the other topic", func() bool { return w.screen.shows(r, "f", []string{"x"}) })
		w.subscribe("e")
		w.readUntil("the newest", func() bool { return w.screen.shows(r, "e", devices) })
	}
	f.whole()
}

// An interval asked for while the connection lags takes over what was lost.
func TestSlowSpectatorChangesTheInterval(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, tight)
	f := r.flowOf("e", "", devices)
	w := r.slow("")
	w.subscribe("e")
	s := r.newest()
	f.untilLagged(s)
	w.send(text(`{"type":"subscribe","id":"slower","topic":"event:e","interval":200}`))
	w.until(`"subscribed","id":"slower"`)
	f.step()
	w.readUntil("the newest at an interval", func() bool { return w.screen.shows(r, "e", devices) })
	f.untilLagged(s)
	w.send(text(`{"type":"subscribe","id":"again","topic":"event:e"}`))
	w.until(`"subscribed","id":"again"`)
	w.readUntil("the newest, live", func() bool { return w.screen.shows(r, "e", devices) })
	for range 5 {
		f.step()
		w.readUntil("the newest, live", func() bool { return w.screen.shows(r, "e", devices) })
	}
}

// A socket that takes nothing for the write time-out is closed; whoever takes a
// little now and then is not.
func TestSlowSpectatorWriteTimeout(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, tight, func(su *setup) { su.live.WriteTimeout = 2 * time.Second })
	f := r.flowOf("e", "", devices)
	little, nothing := r.slow(""), r.slow("")
	little.subscribe("e")
	nothing.subscribe("e")
	f.untilLagged(r.newest())
	f.silentEnds(little, 20)
	for { // the frames are whole up to the one that was cut off
		op, p, err := nothing.read()
		if op == opClose && !strings.HasPrefix(p, "\x11\x38") {
			t.Errorf("closed with % x", p)
		}
		if err != nil {
			break
		}
	}
	f.level(little)
	f.whole()
}

// silentEnds goes on until who reads nothing has been closed, while little
// reads up to so many frames per step.
func (f *flow) silentEnds(little *wire, frames int) {
	f.r.t.Helper()
	testenv.Eventually(f.r.t, patience, "the end of who reads nothing", func() bool {
		f.step()
		for n := 0; n < frames && !little.screen.shows(f.r, "e", f.devices); n++ {
			little.frame()
		}
		return f.r.srv.Connections() == 2
	})
	if n := f.r.closes(4408); n != 1 {
		f.r.t.Errorf("%d connections are counted as closed with 4408, want 1", n)
	}
}

// A close finishes the frame begun, drops the rest, and comes once.
func TestSlowSpectatorIsClosed(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, tight)
	for range 20 {
		f := r.flowOf("e", "", devices)
		w := r.slow("")
		w.subscribe("e")
		s := r.newest()
		f.untilLagged(s)
		s.close(1008, "enough")
		w.closed(1008)
		_ = w.conn.Close()
		f.whole()
		_ = f.honest.ws.CloseNow()
		r.gone(0)
	}
	r.held(0)
}
