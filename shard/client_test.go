package shard

import (
	"slices"
	"time"

	"pitwall/codec"
)

// client is a spectator of the rig with a connection and a screen. It is also the
// connection's writer.
type client struct {
	r         *rig
	conn      *Conn
	losses    Losses
	unwritten []piece           // taken off the queue by a writer whose socket is slow
	part      []byte            // received, the beginning of a frame
	held      map[string]*Topic // subscribed to, by event
	screen    *screen
	sees      func(frame []byte) // gets the frames instead of screen, if set
	writes    int                // calls of read that brought something
	busy      bool               // a command has not been carried out yet
	done      func()             // called when a subscribe has been carried out, if set
	lagged    bool               // has lagged at least once
	finished  bool               // its screen has shown the last positions

	deflated int // compressed frames received
}

// piece is a chunk that is being written: the bytes from off to end are left.
type piece struct {
	ch       *Chunk
	off, end int
}

func (r *rig) client(batch bool) *client {
	c := &client{r: r, held: map[string]*Topic{}, screen: newScreen(r.t)}
	c.screen.parsed = &r.parsed
	c.conn = r.core.NewConn(0, batch, c)
	return c
}

func (c *client) subscribe(event string, interval time.Duration) *Topic {
	c.r.t.Helper()
	t := c.held[event]
	if t == nil {
		var ok bool
		if t, ok = c.r.core.Watch(event); !ok {
			c.r.t.Fatalf("event %q does not exist", event)
		}
		c.held[event] = t
	}
	c.busy = true
	c.r.core.Subscribe(c.conn, t, interval, func() {
		c.busy = false
		if c.done != nil {
			c.done()
		}
	})
	return t
}

func (c *client) unsubscribe(event string) {
	answer := NewControl(codec.AppendUnsubscribed(nil, "", TopicName(event)))
	t := c.held[event]
	delete(c.held, event)
	c.busy = true
	c.r.core.Unsubscribe(c.conn, t, answer, func() { c.busy = false; c.r.core.Unwatch(t) })
}

// subscriber returns a new client whose subscription to an event has been carried out.
func (r *rig) subscriber(event string, batch bool, interval time.Duration) *client {
	r.t.Helper()
	c := r.client(batch)
	c.subscribe(event, interval)
	r.settle()
	return c
}

// read takes everything that is queued, as a writer does whose socket is never full.
func (c *client) read() {
	c.r.t.Helper()
	if c.conn.Lagged() {
		c.recover()
	}
	if takeEach(c.conn, c.show) > 0 {
		c.writes++
	}
	for c.conn.active().Rest() {
		if c.conn.Lagged() && c.conn.ring.Empty() {
			c.recover()
			continue
		}
		takeEach(c.conn, c.show)
	}
	takeAll(c.r.core.Queue(0))
}

// takeEach passes each chunk in the queue of c to f and releases it. It returns how
// many there were.
func takeEach(c *Conn, f func(*Chunk)) (n int) {
	for ch := c.consumer().Take(); ch != nil; ch = c.consumer().Take() {
		f(ch)
		c.consumer().Release(ch)
		n++
	}
	return n
}

// takeAll takes all connections off a run queue, as a writer does.
func takeAll(q *RunQueue) (l ConnList) {
	q.TakeInto(&l, &l, 0)
	return l
}

// recover drops what may be dropped for a lagged connection and requests the recovery.
func (c *client) recover() {
	c.lagged = true
	takeEach(c.conn, func(ch *Chunk) {
		if !c.losses.Drop(ch, 0) {
			c.show(ch)
		}
	})
	c.conn.consumer().Recover(&c.losses)
}

// show displays a whole chunk.
func (c *client) show(ch *Chunk) {
	c.r.t.Helper()
	if c.sees != nil {
		c.receive(bytesOf(ch), c.sees)
		return
	}
	c.receive(bytesOf(ch), c.screen.frame)
}

// bytesOf returns a copy of all bytes of a chunk.
func bytesOf(ch *Chunk) []byte { return slices.Concat(ch.Head(), ch.Body()) }

// receive takes bytes off the wire and passes each frame that is complete to f,
// decompressed.
func (c *client) receive(b []byte, f func(frame []byte)) {
	c.r.t.Helper()
	c.part = append(c.part, b...)
	for len(c.part) >= 2 && len(c.part) >= codec.FrameHeaderLen(c.part) && len(c.part) >= codec.FrameLen(c.part) {
		n := codec.FrameLen(c.part)
		f(c.plain(c.part[:n]))
		c.part = c.part[n:]
	}
}

// fill takes chunks off the queue until n are unwritten.
func (c *client) fill(n int) {
	for len(c.unwritten) < n {
		ch := c.conn.consumer().Take()
		if ch == nil {
			return
		}
		c.unwritten = append(c.unwritten, piece{ch, 0, ch.Len()})
	}
}

// dropLost drops what may be dropped for a lagged connection. A frame that has been
// begun must be written to its end.
func (c *client) dropLost() (dropped int) {
	queued := c.unwritten
	for ch := c.conn.consumer().Take(); ch != nil; ch = c.conn.consumer().Take() {
		queued = append(queued, piece{ch, 0, ch.Len()})
	}
	c.unwritten = nil
	for _, it := range queued {
		end := it.ch.FrameEnd(it.off)
		if it.end > end && c.losses.Drop(it.ch, end) {
			it.end = end
			dropped++
		}
		if it.off < it.end {
			c.unwritten = append(c.unwritten, it)
		} else {
			c.conn.consumer().Release(it.ch)
		}
	}
	return dropped
}

// write passes up to n bytes of what is unwritten to read. It returns how many more the
// socket would accept.
func (c *client) write(n int, read func([]byte)) (left int) {
	for len(c.unwritten) > 0 && n > 0 {
		it := &c.unwritten[0]
		some := min(n, it.end-it.off)
		read(bytesOf(it.ch)[it.off : it.off+some])
		n -= some
		if it.off += some; it.off == it.end {
			c.conn.consumer().Release(it.ch)
			c.unwritten = c.unwritten[1:]
		}
	}
	return n
}
