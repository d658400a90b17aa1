//go:build portable

package live

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"pitwall/shard"
)

// publishesPerWindow is how often TestOneWritePerWindow publishes in a window: what comes
// then is less than tlsRecord, the most that one write has.
const publishesPerWindow = 4

// The send buffer of every socket is limited. The test reads it from the connection that
// was accepted. Linux answers with twice what was set.
func TestSendBufferIsLimited(t *testing.T) {
	t.Parallel()
	const lowat = 12345
	accepted := &lastAccepted{}
	r := start(t, nil, func(su *setup) {
		su.live.NotsentLowat = lowat
		su.wrap = func(l net.Listener) net.Listener { accepted.Listener = l; return accepted }
	})
	r.rawClient()
	raw, err := accepted.conn.Load().SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	got, fault := 0, error(nil)
	if err := raw.Control(func(fd uintptr) { got, fault = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF) }); err != nil {
		t.Fatal(err)
	}
	if want := 2 * sendBufferShare * lowat; fault != nil || got != want {
		t.Errorf("SO_SNDBUF is %d (%v), want %d", got, fault, want)
	}
}

// The largest setting does not overflow an int of 32 bits.
func TestSendBufferOfTheLargestSetting(t *testing.T) {
	var got bufferSize
	if err := newSocket(&got, nil).limitUnsent(1 << 30); err != nil || got.bytes != 1<<30 {
		t.Errorf("got a send buffer of %d bytes (%v), want %d", got.bytes, err, 1<<30)
	}
}

type bufferSize struct {
	net.Conn
	bytes int
}

func (b *bufferSize) SetWriteBuffer(bytes int) error { b.bytes = bytes; return nil }

// A socket that takes a part of a write within the time-out is alive: the part counts,
// and the rest follows. One that takes nothing has timed out.
func TestPartOfAWriteCounts(t *testing.T) {
	slow := &slowTaker{takes: []int{5, 0}}
	s := &session{sock: newSocket(slow, nil)}
	s.inFlight = []piece{{ch: shard.NewControl([]byte("0123456789")), end: 10}}
	o := newOutput(nil)
	n, err := o.writeWaiting(s)
	if n != 5 || err != nil {
		t.Fatalf("got %d bytes and %v of a write that timed out after 5, want 5 and no error", n, err)
	}
	s.inFlight[0].off = n
	if n, err = o.writeWaiting(s); n != 0 || !os.IsTimeout(err) {
		t.Errorf("got %d bytes and %v of a write that took nothing, want 0 and a time-out", n, err)
	}
	if got := string(slow.taken); got != "01234" {
		t.Errorf("the socket took %q, want %q", got, "01234")
	}
}

// slowTaker is a plain socket whose writes time out after they took some bytes.
type slowTaker struct {
	net.Conn
	takes []int
	taken []byte
}

func (c *slowTaker) TCPConn() (*net.TCPConn, bool) { return new(net.TCPConn), true }

func (c *slowTaker) Write(p []byte) (int, error) {
	n := c.takes[0]
	c.takes = c.takes[1:]
	c.taken = append(c.taken, p[:n]...)
	return n, os.ErrDeadlineExceeded
}
