package baseline

import (
	"sync"

	"golang.org/x/sys/unix"
)

// tally is what was written, by one thread or by all.
type tally struct {
	deliveries, writes, bytes uint64
	turns                     uint64 // of a socket; a full one takes several writes
}

func (t *tally) add(o tally) {
	t.deliveries += o.deliveries
	t.writes += o.writes
	t.bytes += o.bytes
	t.turns += o.turns
}

// send writes what waits of the due events to those who watch them. The caller
// holds b.mu.
func (b *bare) send() {
	switch {
	case len(b.due) == 0:
		return
	case b.loops == 1:
		b.sum.add(b.loop(0))
	default:
		b.share()
	}
	for _, e := range b.due {
		b.pending[e], b.counts[e] = b.pending[e][:0], 0
	}
}

// share runs the loops, one of them itself, and waits for all: no frame may
// overtake one of the previous send.
func (b *bare) share() {
	tallies := make([]tally, b.loops)
	var others sync.WaitGroup
	for i := 1; i < b.loops; i++ {
		others.Go(func() { tallies[i] = b.loop(i) })
	}
	tallies[0] = b.loop(0)
	others.Wait()
	for _, t := range tallies {
		b.sum.add(t)
	}
}

// loop writes the due events to its part of their sockets. The parts rotate with
// the events, so that no loop gets every odd socket.
func (b *bare) loop(i int) (t tally) {
	for _, e := range b.due {
		for _, fd := range part(b.conns[e], (i+e)%b.loops, b.loops) {
			if t.write(fd, b.pending[e]) {
				t.deliveries += uint64(b.counts[e])
			}
		}
	}
	return t
}

// part is the i-th of n contiguous parts.
func part(fds []int, i, n int) []int {
	return fds[len(fds)*i/n : len(fds)*(i+1)/n]
}

// fullWait is how long a loop waits for a full socket, in ms.
const fullWait = 1000

// write writes all of text to a socket. It waits for a full one, as half a frame
// is none.
func (t *tally) write(fd int, text []byte) bool {
	t.turns++
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		t.writes++
		switch {
		case err == nil:
			t.bytes += uint64(n)
			text = text[n:]
		case err == unix.EAGAIN:
			if n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, fullWait); n == 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}
