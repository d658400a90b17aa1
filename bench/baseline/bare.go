package baseline

import (
	"cmp"
	"net"
	"sync"

	"golang.org/x/sys/unix"

	"pitwall/codec"
)

// bare is the lower limit of the cost: it encodes the frames of an event once, and
// writes them to every descriptor with one system call, on one thread per loop.
type bare struct {
	lowat  int
	loops  int
	topics []*codec.Topic
	number map[string]int // of an event, by its id

	mu    sync.Mutex // guards conns
	conns [][]int    // descriptors by event

	pending [][]byte
	counts  []int
	due     []int // events that are to be sent
	body    []byte
	sum     tally
}

func newBare(events []string, lowat, loops int) *bare {
	b := &bare{lowat: lowat, loops: loops, number: make(map[string]int), conns: make([][]int, len(events)),
		pending: make([][]byte, len(events)), counts: make([]int, len(events))}
	for i, e := range events {
		b.topics = append(b.topics, codec.NewTopic("event:"+e))
		b.number[e] = i
	}
	return b
}

// join detaches a connection from gws and from the runtime's poller.
func (b *bare) join(event string, c *client) error {
	e, ok := b.number[event]
	if !ok {
		return nil
	}
	defer c.NetConn().Close()
	fd, err := detach(c.NetConn())
	if err != nil {
		return err
	}
	if err := cmp.Or(unix.SetNonblock(fd, true), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, b.lowat)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conns[e] = append(b.conns[e], fd)
	_, err = unix.Write(fd, []byte("\x81\x02{}"))
	return err
}

// take keeps a position until the next flush. It never fails.
func (b *bare) take(event int, p *codec.Position) error {
	b.body = codec.AppendBody(b.body[:0], p, p.TS)
	b.pending[event] = b.topics[event].AppendPositionFrame(b.pending[event], b.body)
	b.counts[event]++
	return nil
}

// flush writes the positions of those events that have some and are due.
func (b *bare) flush(due func(event int) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due = b.due[:0]
	for e, n := range b.counts {
		if n > 0 && due(e) {
			b.due = append(b.due, e)
		}
	}
	b.send()
}

// detach returns a descriptor of the connection that the runtime's poller does not
// know.
func detach(c net.Conn) (int, error) {
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return unix.Dup(int(f.Fd()))
}
