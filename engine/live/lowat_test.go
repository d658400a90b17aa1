//go:build !portable

package live

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// The server limits what the kernel holds unsent on every socket, since it cannot
// be taken back. The test reads the limit from the connection that was accepted.
func TestNotsentLowatIsSet(t *testing.T) {
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
	if err := raw.Control(func(fd uintptr) { got, fault = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT) }); err != nil {
		t.Fatal(err)
	}
	if fault != nil || got != lowat {
		t.Errorf("TCP_NOTSENT_LOWAT is %d (%v), want %d", got, fault, lowat)
	}
}

// publishesPerWindow is how often TestOneWritePerWindow publishes in a window.
const publishesPerWindow = 20
