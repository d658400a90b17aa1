package baseline

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"pitwall/codec"
)

// TestFlushByLoops: with any number of loops, each socket gets each frame of its
// event once and in order, and a full socket gets the rest later.
func TestFlushByLoops(t *testing.T) {
	for _, loops := range []int{1, 2, 3, 7} { // 7 is more than the sockets of an event
		t.Run(fmt.Sprint(loops), func(t *testing.T) {
			watchers := []int{5, 1, 0, 4} // by event
			b := newBare([]string{"a", "b", "c", "d"}, 16384, loops)
			var sockets []*socket
			for e, n := range watchers {
				for i := range n {
					s := newSocket(t, e, e == 0 && i == 2)
					b.conns[e] = append(b.conns[e], s.fd)
					sockets = append(sockets, s)
				}
			}
			texts, least := flushSome(b, watchers)
			for _, s := range sockets {
				_ = unix.Close(s.fd)
				if got := <-s.got; !bytes.Equal(got, texts[s.event]) {
					t.Errorf("a socket of event %d got %d bytes, want %d others", s.event, len(got), len(texts[s.event]))
				}
			}
			if b.sum.deliveries != least.deliveries || b.sum.bytes != least.bytes {
				t.Errorf("counted %+v, want %+v and some more writes", b.sum, least)
			}
			if b.sum.writes <= least.writes {
				t.Errorf("%d writes, as if no socket had been full", b.sum.writes)
			}
		})
	}
}

// flushSome makes some flushes. It returns what the sockets of each event get, and
// the counts if no socket were ever full.
func flushSome(b *bare, watchers []int) (texts [][]byte, least tally) {
	const positions = 1500 // more than the small socket holds
	texts = make([][]byte, len(watchers))
	for f := range 4 {
		for e, n := range watchers {
			if e == f { // quiet in this flush
				continue
			}
			for i := range positions {
				_ = b.take(e, &codec.Position{DeviceID: fmt.Sprintf("flush-%d-event-%d", f, e), TS: int64(i + 1)})
			}
			texts[e] = append(texts[e], b.pending[e]...)
			least.add(tally{deliveries: uint64(positions * n), writes: uint64(n), bytes: uint64(n * len(b.pending[e]))})
		}
		b.flush(func(int) bool { return true })
	}
	return texts, least
}

// socket is a connection over loopback: the descriptor to write to, and all that the
// other side gets.
type socket struct {
	fd    int
	event int
	got   chan []byte
}

// newSocket connects. A small socket has the smallest buffer that the kernel allows.
// A long text then always takes several writes, because what is acknowledged during a
// write makes room only after it.
func newSocket(t *testing.T, event int, small bool) *socket {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	reader, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := &socket{event: event, got: make(chan []byte, 1)}
	if s.fd, err = detach(c); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(s.fd, true); err != nil {
		t.Fatal(err)
	}
	if small {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		defer reader.Close()
		all, _ := io.ReadAll(reader)
		s.got <- all
	}()
	return s
}
