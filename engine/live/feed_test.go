package live

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pitwall/codec"
	"pitwall/shard"
)

// smallRing is the capacity of a connection's queue with smallBuffers, in bytes.
const smallRing = 32 << 10

// maxUnsent is how many bytes may be unsent of a connection with smallBuffers that
// watches so many devices: its queue, on top of which one chunk per shard may
// come, and a lagged snapshot in two parts.
func maxUnsent(devices int) int { return smallRing + 2*devices*400 }

// padding makes a position frame about 300 bytes long.
var padding = codec.Attributes(`{"pad":"` + strings.Repeat("x", 180) + `"}`)

// smallBuffers makes the queues of connections small: the server's and the
// kernel's.
func smallBuffers(su *setup) {
	su.shard.RingBytes = smallRing
	su.live.NotsentLowat = 4 << 10
	su.wrap = func(l net.Listener) net.Listener { return smallSendBuffers{l} }
}

// smallSendBuffers gives accepted connections the smallest send buffer there is.
type smallSendBuffers struct{ net.Listener }

func (l smallSendBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// smallReceiveBuffer is a dialer whose sockets take little that is not read.
var smallReceiveBuffer = &net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
	fault := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) })
	if fault != nil {
		return fault
	}
	return err
}}

// slowClient connects a raw client whose socket takes little that is not read.
// headers are lines of its handshake.
func (r *rig) slowClient(query string, headers ...string) *rawClient {
	r.t.Helper()
	c, err := smallReceiveBuffer.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	w := r.clientOver(c, handshakeWith(query, headers...))
	w.awaitUpgrade()
	w.awaitWelcome()
	return w
}

// newestSession is the session of the newest connection.
func (r *rig) newestSession() *session {
	r.t.Helper()
	// A session is listed after its welcome.
	eventually(r.t, "the newest session", func() bool { return r.srv.sessions.Size() == r.srv.Connections() })
	var newest *session
	r.eachSession(func(s *session) {
		if newest == nil || s.id > newest.id {
			newest = s
		}
	})
	if newest == nil {
		r.t.Fatal("there is no session")
	}
	return newest
}

// deviceNames makes n names.
func deviceNames(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("d%02d", i))
	}
	return list
}

// encoding is how a client gets positions.
type encoding struct {
	name, query string
	headers     []string // of the handshake
}

var encodings = []encoding{
	{"position frames", "", nil},
	{"positions frames", "batch=1", nil},
	{"compressed", "batch=1", []string{offerDeflate}},
}

// startSlow starts a rig with a feed to event e, and a client that has subscribed
// to e. The queue of the client is small (smallBuffers), and it reads only when it
// is told to.
func startSlow(t testing.TB, enc encoding, roster map[string][]string, change ...func(*setup)) (*feed, *rawClient, *session) {
	t.Helper()
	r := start(t, roster, append([]func(*setup){smallBuffers}, change...)...)
	f := r.newFeed("e", enc.query, roster["e"])
	w := r.slowClient(enc.query, enc.headers...)
	w.subscribe("e")
	return f, w, r.newestSession()
}

// feed publishes positions to an event while a fast spectator watches it, and
// counts them.
type feed struct {
	r       *rig
	event   string
	devices []string
	fast    *spectator
	sent    int // positions
}

// newFeed makes a feed, and subscribes its fast spectator.
func (r *rig) newFeed(event, query string, devices []string) *feed {
	r.t.Helper()
	return &feed{r: r, event: event, devices: devices, fast: r.watch(query, event)}
}

// publish publishes one position of each device and waits until the fast spectator
// has them all, so that it never lags.
func (f *feed) publish() {
	f.r.t.Helper()
	f.r.publishWith(padding, f.devices...)
	f.sent += len(f.devices)
	eventually(f.r.t, "the fast spectator to see all positions", func() bool {
		return f.fast.shows(f.r, f.event, f.devices)
	})
}

// publishUntilLagged publishes until s, whose client reads nothing, has lagged.
func (f *feed) publishUntilLagged(s *session) {
	f.r.t.Helper()
	for n := 0; !s.conn.Lagged(); n++ {
		if n > 2000 {
			f.r.t.Fatalf("after %d positions the connection of a client that reads nothing has not lagged", f.sent)
		}
		f.publish()
	}
}

// publishUntilLaggedAgain waits until s has recovered, then publishes until it has
// lagged.
func (f *feed) publishUntilLaggedAgain(s *session) {
	f.r.t.Helper()
	eventually(f.r.t, "the connection to recover", func() bool { return !s.conn.Lagged() })
	f.publishUntilLagged(s)
}

// awaitCaughtUp has w read until it shows the newest positions, and every update
// has come or is counted as left out.
func (f *feed) awaitCaughtUp(w *rawClient) {
	f.r.t.Helper()
	w.readUntil("the newest positions of "+f.event, func() bool { return f.caughtUp(w) })
}

func (f *feed) caughtUp(w *rawClient) bool {
	f.r.t.Helper()
	live, conflated := w.screen.count(f.event)
	if live+conflated > f.sent {
		f.r.t.Fatalf("%d positions came and %d were left out, want %d together", live, conflated, f.sent)
	}
	return w.screen.shows(f.r, f.event, f.devices) && live+conflated == f.sent
}

// wantNoLoss checks that the fast spectator gets every position.
func (f *feed) wantNoLoss() {
	f.r.t.Helper()
	eventually(f.r.t, "the fast spectator to have every position", func() bool {
		live, conflated := f.fast.count(f.event)
		if conflated > 0 {
			f.r.t.Fatalf("%d updates were left out for the fast spectator, want none", conflated)
		}
		return live == f.sent
	})
}

// awaitHeldBytes waits until connections hold n bytes of chunks.
func (r *rig) awaitHeldBytes(n int64) {
	r.t.Helper()
	var stats shard.Stats
	defer func() {
		if r.t.Failed() {
			r.t.Logf("%d bytes of chunks are held, want %d", stats.OutstandingBytes, n)
		}
	}()
	eventually(r.t, "chunks to be released", func() bool { stats = r.core.Stats(); return stats.OutstandingBytes == n })
}

// closeCount is how often the server has closed with a code.
func (r *rig) closeCount(code int) uint64 {
	if !slices.Contains(closeCodes, uint16(code)) {
		return 0 // not counted; if it were, stop would report a new metric
	}
	return r.set.GetOrCreateCounter(closedName(uint16(code))).Get()
}

// lastAccepted remembers the connection that it accepted last.
type lastAccepted struct {
	net.Listener
	conn atomic.Pointer[net.TCPConn]
}

func (l *lastAccepted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.conn.Store(c.(*net.TCPConn))
	}
	return c, err
}
