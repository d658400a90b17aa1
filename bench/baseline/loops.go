package baseline

import (
	"sync"

	"golang.org/x/sys/unix"
)

// tally counts what was written.
type tally struct {
	deliveries, writes, bytes uint64
	turns                     uint64 // times that a socket was served; a full one takes several writes
}

func (t *tally) add(o tally) {
	t.deliveries += o.deliveries
	t.writes += o.writes
	t.bytes += o.bytes
	t.turns += o.turns
}

// send writes the positions of the due events to their clients. It runs one loop itself
// and waits for the others, so that no frame overtakes an earlier one. The caller holds
// b.mu.
func (b *bare) send() {
	if len(b.due) == 0 {
		return
	}
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
	for _, e := range b.due {
		b.pending[e], b.counts[e] = b.pending[e][:0], 0
	}
}

// loop writes the due events to its part of their sockets. The parts rotate with the
// events, so that the larger part of an event does not always go to the same loop.
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

// fullWait is the longest wait for a full socket, in ms.
const fullWait = 1000

// write writes all of text to a socket, and waits if that is full. It is false when
// the client cannot be served.
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
