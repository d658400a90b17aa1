package live

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

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
// when it is told to. headers are lines of its handshake.
func (r *rig) slow(query string, headers ...string) *wire {
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
	w := r.over(c, shake(query, headers...))
	w.upgraded()
	w.welcome()
	return w
}

// newest is the session of the connection that was made last.
func (r *rig) newest() *session {
	r.t.Helper()
	// A session is listed after its welcome.
	testenv.Eventually(r.t, patience, "the newest session", func() bool { return r.srv.sessions.Size() == r.srv.Connections() })
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
// has them all, so that it never falls behind.
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

var shapesOf = []struct {
	name, query string
	headers     []string
}{{"position frames", "", nil}, {"positions frames", "batch=1", nil}, {"compressed", "batch=1", []string{offer}}}

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

// closes is how often the server has closed with a code.
func (r *rig) closes(code int) uint64 {
	if !slices.Contains(closeCodes, uint16(code)) {
		return 0 // where it is counted all the same, stop tells
	}
	return r.set.GetOrCreateCounter(closedName(uint16(code))).Get()
}

// untilLaggedAgain waits for the end of a slow phase before the next.
func (f *flow) untilLaggedAgain(s *session) {
	f.r.t.Helper()
	testenv.Eventually(f.r.t, patience, "the end of the slow phase", func() bool { return !s.conn.Lagged() })
	f.untilLagged(s)
}
