package live

import (
	"net"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// What the kernel holds unsent cannot be taken back, so that its bound is set on
// every socket: read back from the connection that the listener gave.
func TestNotsentLowatIsSet(t *testing.T) {
	t.Parallel()
	const lowat = 12345
	seen := &seenConns{}
	r := start(t, nil, func(su *setup) {
		su.live.NotsentLowat = lowat
		su.wrap = func(l net.Listener) net.Listener { seen.Listener = l; return seen }
	})
	r.wire()
	raw, err := seen.last.Load().SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	got, fault := 0, error(nil)
	if err := raw.Control(func(fd uintptr) { got, fault = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT) }); err != nil {
		t.Fatal(err)
	}
	if fault != nil || got != lowat {
		t.Errorf("the bound of unsent bytes is %d (%v), want %d", got, fault, lowat)
	}
}

// seenConns remembers the connection it accepted last.
type seenConns struct {
	net.Listener
	last atomic.Pointer[net.TCPConn]
}

func (l *seenConns) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.last.Store(c.(*net.TCPConn))
	}
	return c, err
}
