package live

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// raceRoster is the roster of most of these tests.
func raceRoster() map[string][]string { return map[string][]string{"e": deviceNames(20)} }

// A client that reads nothing, then everything, several times: its queue is bounded,
// it gets lagged snapshots, and nobody else is affected.
func TestSlowClientStopsAndStarts(t *testing.T) {
	for _, enc := range encodings {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			f, w, s := startSlow(t, enc, raceRoster())
			f.stopsAndStarts(w, s, 5, maxUnsent(len(f.devices)))
		})
	}
}

// stopsAndStarts has w stop reading until it lags, then read everything, cycles
// times, and follow again. No more than most bytes may be unsent meanwhile.
func (f *feed) stopsAndStarts(w *rawClient, s *session, cycles, most int) {
	f.r.t.Helper()
	for cycle := range cycles {
		before := len(w.laggedSnapshots("e"))
		f.publishUntilLagged(s)
		for range 20 {
			f.publish()
			if _, n := s.conn.Queued(); n > most {
				f.r.t.Fatalf("cycle %d: %d bytes are unsent, want %d at most", cycle, n, most)
			}
		}
		f.awaitCaughtUp(w)
		if len(w.laggedSnapshots("e")) == before {
			f.r.t.Errorf("cycle %d: got no lagged snapshot, want some", cycle)
		}
	}
	for range 5 {
		f.publish()
		f.awaitCaughtUp(w)
	}
	f.wantNoLoss()
	f.r.awaitHeldBytes(0)
}

// A client that reads a tenth of what is sent stays connected. Its queue is bounded,
// and it gets lagged snapshots of all parts. With compression so few bytes are sent
// that it would not be slow.
func TestSlowClientAtATenthOfTheRate(t *testing.T) {
	for _, enc := range encodings[:2] {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			f, w, s := startSlow(t, enc, raceRoster())
			got, credit, most := 0, 0, maxUnsent(len(f.devices))
			for range 300 {
				f.publish()
				for credit += len(f.devices) * 300 / 10; credit > 0; {
					_, p := w.nextFrame()
					got += len(p)
					credit -= len(p)
				}
				if _, n := s.conn.Queued(); n > most {
					t.Fatalf("%d bytes are unsent, want %d at most", n, most)
				}
			}
			chunks, _ := s.conn.Queued()
			t.Logf("%d positions were sent; the client read %d bytes, %d lagged snapshots; %d chunks are unsent", f.sent, got, len(w.laggedSnapshots("e")), chunks)
			parts := make([]int, f.r.core.Shards())
			for _, f := range w.laggedSnapshots("e") {
				parts[f.Part-1]++
			}
			if slices.Min(parts) < slices.Max(parts)*3/4 {
				t.Errorf("got lagged snapshots %v by part, want about as many of each", parts)
			}
			f.awaitCaughtUp(w)
			f.wantNoLoss()
			f.r.awaitHeldBytes(0)
		})
	}
}

// A topic that is subscribed to while the connection lags comes whole once the queue
// has room, and is live after its snapshot.
func TestSlowClientSubscribesWhileLagged(t *testing.T) {
	t.Parallel()
	f, w, s := startSlow(t, encodings[0], map[string][]string{"e": deviceNames(20), "f": {"x", "y"}})
	r := f.r
	for range 3 {
		f.publishUntilLagged(s)
		r.publish("x", "y")
		w.send(text(`{"type":"subscribe","id":"late","topic":"event:f"}`))
		r.publish("x", "y")
		r.publish("x")
		f.awaitCaughtUp(w)
		w.readUntil("the newest positions of f", func() bool { return w.screen.shows(r, "f", []string{"x", "y"}) })
		w.send(text(`{"type":"unsubscribe","id":"off","topic":"event:f"}`))
		w.awaitText(`"unsubscribed","id":"off"`)
	}
	f.wantNoLoss()
}

// A connection that lags is told which devices left and joined the roster meanwhile.
func TestSlowClientAndTheRoster(t *testing.T) {
	for _, enc := range encodings {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			devices := deviceNames(20)
			changed := append(deviceNames(20)[5:], "new")
			f, w, s := startSlow(t, enc, map[string][]string{"e": devices, "other": {"new"}})
			r := f.r
			r.publish("new")

			f.publishUntilLagged(s)
			r.setRoster(map[string][]string{"e": changed, "other": {"new"}})
			r.publish(devices[:5]...) // of no event any more
			w.readUntil("the changed roster", func() bool { return w.screen.shows(r, "e", changed) })
			eventually(t, "the changed roster on the fast screen", func() bool { return f.fast.shows(r, "e", changed) })

			// Devices that left and came back are shown at their newest positions.
			f.devices = changed
			f.publishUntilLaggedAgain(s)
			r.setRoster(map[string][]string{"e": {}, "other": {"new"}})
			r.setRoster(map[string][]string{"e": devices, "other": {"new"}})
			f.devices = devices
			f.publish()
			w.readUntil("the first roster again", func() bool { return w.screen.shows(r, "e", devices) })
		})
	}
}

// An unsubscribe of a client that lags is carried out: its answer is the last frame
// of the topic (every screen checks that), and the queue has room again.
func TestSlowClientUnsubscribes(t *testing.T) {
	t.Parallel()
	f, w, s := startSlow(t, encodings[0], map[string][]string{"e": deviceNames(20), "f": {"x"}})
	r := f.r
	w.subscribe("f")
	for range 3 {
		f.publishUntilLagged(s)
		w.send(text(`{"type":"unsubscribe","id":"off","topic":"event:e"}`))
		eventually(t, "the end of the subscription", func() bool { return r.srv.m.subscriptions.Get() == 2 })
		f.publish()
		f.publish()
		w.awaitText(`"unsubscribed","id":"off"`)
		r.publish("x")
		w.readUntil("the other topic", func() bool { return w.screen.shows(r, "f", []string{"x"}) })
		w.subscribe("e")
		w.readUntil("the newest positions", func() bool { return w.screen.shows(r, "e", f.devices) })
	}
	f.wantNoLoss()
}

// A client that changes its interval while it lags gets what was dropped.
func TestSlowClientChangesTheInterval(t *testing.T) {
	t.Parallel()
	f, w, s := startSlow(t, encodings[0], raceRoster())
	newest := func() bool { return w.screen.shows(f.r, "e", f.devices) }
	f.publishUntilLagged(s)
	w.send(text(`{"type":"subscribe","id":"slower","topic":"event:e","interval":200}`))
	w.awaitText(`"subscribed","id":"slower"`)
	f.publish()
	w.readUntil("the newest positions at an interval", newest)
	f.publishUntilLagged(s)
	w.send(text(`{"type":"subscribe","id":"again","topic":"event:e"}`))
	w.awaitText(`"subscribed","id":"again"`)
	w.readUntil("the newest positions, live", newest)
	for range 5 {
		f.publish()
		w.readUntil("the newest positions, live", newest)
	}
}

// shortWriteTimeout ends connections whose socket takes nothing. It leaves a client
// that reads a little after each publish enough time on a busy machine, too.
func shortWriteTimeout(su *setup) { su.live.WriteTimeout = 4 * time.Second }

// A connection whose socket takes nothing for the write timeout is closed. One whose
// socket takes a little now and then is not.
func TestSlowClientWriteTimeout(t *testing.T) {
	t.Parallel()
	f, little, _ := startSlow(t, encodings[0], raceRoster(), shortWriteTimeout)
	nothing := f.r.slowClient("")
	nothing.subscribe("e")
	f.publishUntilLagged(f.r.newestSession())
	f.awaitWriteTimeout(little, 20)
	for { // the frames are whole up to the one that was cut off
		op, p, err := nothing.read()
		if op == opClose && !strings.HasPrefix(p, "\x11\x38") {
			t.Errorf("got close frame % x, want code 4408", p)
		}
		if err != nil {
			break
		}
	}
	f.awaitCaughtUp(little)
	f.wantNoLoss()
}

// awaitWriteTimeout publishes until a client that reads nothing has been closed,
// while little reads up to so many frames per publish.
func (f *feed) awaitWriteTimeout(little *rawClient, frames int) {
	f.r.t.Helper()
	eventually(f.r.t, "the end of the client that reads nothing", func() bool {
		f.publish()
		for n := 0; n < frames && !little.screen.shows(f.r, "e", f.devices); n++ {
			little.nextFrame()
		}
		return f.r.srv.Connections() == 2
	})
	if n := f.r.closeCount(4408); n != 1 {
		f.r.t.Errorf("%d connections are counted as closed with 4408, want 1", n)
	}
}

// A close of a slow client finishes the frame that is partly written, and drops the
// rest. The close frame comes once.
func TestSlowClientIsClosed(t *testing.T) {
	t.Parallel()
	devices := deviceNames(20)
	r := start(t, map[string][]string{"e": devices}, smallBuffers)
	for range 20 {
		f := r.newFeed("e", "", devices)
		w := r.slowClient("")
		w.subscribe("e")
		s := r.newestSession()
		f.publishUntilLagged(s)
		s.close(1008, "enough")
		w.awaitClose(1008)
		_ = w.conn.Close()
		f.wantNoLoss()
		_ = f.fast.ws.CloseNow()
		r.awaitConnections(0)
	}
	r.awaitHeldBytes(0)
}
