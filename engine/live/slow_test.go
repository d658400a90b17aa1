package live

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// tightRing is what a connection of these tests may have unsent, in bytes.
const tightRing = 32 << 10

// padding makes a position frame about 300 bytes long.
var padding = codec.Attributes(`{"pad":"` + strings.Repeat("x", 180) + `"}`)

// tight gives connections small queues everywhere: ours and the kernel's.
func tight(su *setup) {
	su.shard.RingBytes = tightRing
	su.live.NotsentLowat = 4 << 10
	su.wrap = func(l net.Listener) net.Listener { return smallSends{l} }
}

// smallSends gives accepted connections the smallest send buffer there is.
type smallSends struct{ net.Listener }

func (l smallSends) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// slow connects a wire client whose socket takes little unread, which reads
// when it is told to.
func (r *rig) slow(query string) *wire {
	r.t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		fault := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) })
		if fault != nil {
			return fault
		}
		return err
	}}
	c, err := d.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	w := r.over(c, strings.Replace(handshake, "/live", "/live?"+query, 1))
	w.upgraded()
	w.welcome()
	return w
}

// newest is the session of the connection that was made last.
func (r *rig) newest() *session {
	r.t.Helper()
	var s *session
	r.srv.sessions.Range(func(_ uint64, x *session) bool {
		if s == nil || x.id > s.id {
			s = x
		}
		return true
	})
	if s == nil {
		r.t.Fatal("there is no session")
	}
	return s
}

// subscribe subscribes and reads up to the last part of the snapshot.
func (w *wire) subscribe(event string) {
	w.t.Helper()
	w.send(text(`{"type":"subscribe","id":"s","topic":"event:` + event + `"}`))
	topic := "event:" + event
	w.readUntil("the snapshot of "+event, func() bool {
		want := 0
		answers := w.screen.those(func(f said) bool { return f.Type == "subscribed" && f.Topic == topic })
		parts := w.screen.those(func(f said) bool { return f.Type == "snapshot" && f.Reason == "subscribe" && f.Topic == topic })
		for _, a := range answers {
			want += a.Parts
		}
		return want > 0 && len(parts) == want
	})
}

// readUntil reads frames until cond holds.
func (w *wire) readUntil(what string, cond func() bool) {
	w.t.Helper()
	for !cond() {
		op, p, err := w.read()
		if err != nil {
			w.t.Fatalf("reading for %s: %v", what, err)
		}
		if op == opClose {
			w.t.Fatalf("reading for %s: closed with %q", what, p)
		}
	}
}

// names makes device names.
func names(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("d%02d", i))
	}
	return list
}

// flow publishes to an event while an honest spectator watches it, and counts.
type flow struct {
	r       *rig
	event   string
	devices []string
	honest  *spectator
	sent    int
}

// step publishes one position per device and waits until the honest spectator
// has them all, so that he never falls behind.
func (f *flow) step() {
	f.r.t.Helper()
	f.r.publishWith(padding, f.devices...)
	f.sent += len(f.devices)
	testenv.Eventually(f.r.t, patience, "the honest spectator to see all of a step", func() bool {
		return f.honest.shows(f.r, f.event, f.devices)
	})
}

// untilLagged publishes until the connection of s is found full.
func (f *flow) untilLagged(s *session) {
	f.r.t.Helper()
	for n := 0; !s.conn.Lagged(); n++ {
		if n > 2000 {
			f.r.t.Fatal("the connection of a client that reads nothing was never found full")
		}
		f.step()
	}
}

// level checks the screen of a client that has caught up: the newest values,
// and every update either seen or counted as left out.
func (f *flow) level(w *wire) {
	f.r.t.Helper()
	w.readUntil("the newest of "+f.event, func() bool {
		live, conflated := w.screen.count(f.event)
		if live+conflated > f.sent {
			f.r.t.Fatalf("%d positions came and %d are said to be left out, but %d were sent", live, conflated, f.sent)
		}
		return w.screen.shows(f.r, f.event, f.devices) && live+conflated == f.sent
	})
}

// whole checks that the honest spectator got everything, one by one.
func (f *flow) whole() {
	f.r.t.Helper()
	testenv.Eventually(f.r.t, patience, "everything on the honest screen", func() bool {
		live, conflated := f.honest.count(f.event)
		if conflated > 0 {
			f.r.t.Fatalf("the honest spectator was told that %d updates were left out", conflated)
		}
		return live == f.sent
	})
}

// flowOf subscribes an honest spectator.
func (r *rig) flowOf(event, query string, devices []string) *flow {
	r.t.Helper()
	f := &flow{r: r, event: event, devices: devices, honest: r.spectator(query)}
	f.honest.subscribe(event)
	return f
}

// most is what a connection may have unsent: the ring, beyond which one chunk
// per shard can come, and a lagged snapshot of every part.
func most(devices int) int { return tightRing + 2*devices*400 }

var shapesOf = []struct{ name, query string }{{"position frames", ""}, {"positions frames", "batch=1"}}

// A spectator who reads nothing, then everything, several times over: he is
// late, never stale, and nobody else notices.
func TestSlowSpectatorStopsAndStarts(t *testing.T) {
	for _, shape := range shapesOf {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			devices := names(20)
			r := start(t, map[string][]string{"e": devices}, tight)
			f := r.flowOf("e", shape.query, devices)
			w := r.slow(shape.query)
			w.subscribe("e")
			s := r.newest()
			for cycle := range 5 {
				before := len(w.lagged("e"))
				f.untilLagged(s)
				for range 20 {
					f.step()
					if _, n := s.conn.Queued(); n > most(len(devices)) {
						t.Fatalf("cycle %d: %d bytes unsent, at most %d may be", cycle, n, most(len(devices)))
					}
				}
				f.level(w)
				if len(w.lagged("e")) == before {
					t.Errorf("cycle %d: no lagged snapshot", cycle)
				}
			}
			for range 5 { // and then he follows again
				f.step()
				f.level(w)
			}
			f.whole()
			r.held(0)
		})
	}
}

// lagged returns the lagged snapshots of an event so far.
func (w *wire) lagged(event string) []said {
	return w.screen.those(func(f said) bool { return f.Reason == "lagged" && f.Topic == "event:"+event })
}

// held waits until connections hold no more than n bytes of chunks.
func (r *rig) held(n int64) {
	r.t.Helper()
	var stats shard.Stats
	defer func() {
		if r.t.Failed() {
			r.t.Logf("held: %d, want %d", stats.Held, n)
		}
	}()
	testenv.Eventually(r.t, patience, "chunks to come home", func() bool { stats = r.core.Stats(); return stats.Held == n })
}

// A reader at a tenth of the rate stays connected; what is kept for him stays
// bounded; he gets a lagged snapshot whenever he has drained.
func TestSlowSpectatorAtATenthOfTheRate(t *testing.T) {
	for _, shape := range shapesOf {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			devices := names(20)
			r := start(t, map[string][]string{"e": devices}, tight)
			f := r.flowOf("e", shape.query, devices)
			w := r.slow(shape.query)
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

// A topic that is subscribed while the connection lags comes whole, and is
// live behind its snapshot.
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
		testenv.Eventually(t, patience, "the subscription", func() bool { return r.srv.m.subscriptions.Get() == 3 })
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
			w := r.slow(shape.query)
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

// untilLaggedAgain waits for the end of a slow phase before the next.
func (f *flow) untilLaggedAgain(s *session) {
	f.r.t.Helper()
	testenv.Eventually(f.r.t, patience, "the end of the slow phase", func() bool { return !s.conn.Lagged() })
	f.untilLagged(s)
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
	testenv.Eventually(t, patience, "the end of who reads nothing", func() bool {
		f.step()
		for n := 0; n < 20 && !little.screen.shows(r, "e", devices); n++ {
			little.frame()
		}
		return r.srv.Connections() == 2
	})
	if n := r.closes(4408); n != 1 {
		t.Errorf("%d connections are counted as closed with 4408, want 1", n)
	}
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

// closes is how often the server has closed with a code.
func (r *rig) closes(code int) uint64 {
	return r.set.GetOrCreateCounter(fmt.Sprintf(`processor_live_closes_total{code="%d"}`, code)).Get()
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
		s.close(4000, "enough")
		w.closed(4000)
		_ = w.conn.Close()
		f.whole()
		_ = f.honest.ws.CloseNow()
		r.gone(0)
	}
	r.held(0)
}
