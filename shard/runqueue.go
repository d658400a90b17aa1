package shard

import "sync/atomic"

// RunQueue holds the connections of one writer that have something to send.
// Shards and sessions add, the writer takes all at once. It is intrusive: a
// connection is in the queue at most once, so it is never longer than the
// number of connections, and adding neither allocates nor waits.
//
// Memory ordering: who moves a connection's state from idle to queued owns its
// next field until the connection is in the queue; the CAS that publishes the
// chain publishes its links and its end, and TakeInto's swap acquires them. A
// connection returns to idle by the writer alone, which looks into the ring once
// more afterwards (see Conn.Rest), so a push that saw "queued" is not lost.
type RunQueue struct {
	head atomic.Pointer[Conn]
	// instant is the newest instant that a sealed chunk behind this queue
	// belongs to, in ns of the core's clock; a hint for gathering.
	instant atomic.Int64
	// gathers is set by the writer while it waits for the shards to pass an
	// instant, so that they wake it only then.
	gathers atomic.Bool
	wake    chan struct{}
}

func newRunQueue() *RunQueue { return &RunQueue{wake: make(chan struct{}, 1)} }

// chain collects connections on the shard's side, so that a topic's
// subscribers enter the queue with one CAS.
type chain struct{ first, last *Conn }

func (ch *chain) add(c *Conn) {
	if ch.first == nil {
		ch.first = c
	} else {
		ch.last.next = c
	}
	ch.last = c
}

// splice puts the chain in the queue and wakes the writer if that was empty.
func (q *RunQueue) splice(ch *chain, instant int64) {
	if ch.first == nil {
		return
	}
	if instant > q.instant.Load() {
		q.instant.Store(instant) // a lost update costs one write more, no frame
	}
	ch.first.end = ch.last
	for {
		old := q.head.Load()
		ch.last.next = old
		if q.head.CompareAndSwap(old, ch.first) {
			if old == nil {
				q.Wake()
			}
			break
		}
	}
	*ch = chain{}
}

// Line is a list of connections in a writer's hands, longest waiting first. It
// belongs to the writer.
type Line struct{ first, last *Conn }

// Next takes the first connection off the line; nil when there is none. It is
// to be called before that connection's turn, after which it may be queued
// again.
func (l *Line) Next() *Conn {
	c := l.first
	if c == nil {
		return nil
	}
	if l.first = c.next; l.first == nil {
		l.last = nil
	}
	c.next = nil
	return c
}

// Empty reports whether nobody is in the line.
func (l *Line) Empty() bool { return l.first == nil }

// put appends a chain.
func (l *Line) put(first, last *Conn) {
	if last.next = nil; l.first == nil {
		l.first = first
	} else {
		l.last.next = first
	}
	l.last = last
}

// TakeInto moves all connections into lines, behind those who wait there: what
// came together and is no more than most of them into few, larger crowds into
// crowds. The two may be the same. Only the writer calls it. It looks at the
// ends of chains alone, so that a crowd's connections are not fetched from
// memory before their turns.
func (q *RunQueue) TakeInto(few, crowds *Line, most int) {
	if q.head.Load() == nil {
		return
	}
	var oldest *Conn // the chains, turned round
	for c := q.head.Swap(nil); c != nil; {
		end := c.end
		older := end.next
		end.next = oldest
		oldest, c = c, older
	}
	for c := oldest; c != nil; {
		end := c.end
		newer := end.next
		l := crowds
		if few != crowds && within(c, end, most) {
			l = few
		}
		l.put(c, end)
		c = newer
	}
}

// within reports whether the chain from c to end has at most n connections.
func within(c, end *Conn, n int) bool {
	for ; c != end; c = c.next {
		if n--; n <= 0 {
			return false
		}
	}
	return n > 0
}

// Instant is the newest instant whose chunks were announced; 0 for none.
func (q *RunQueue) Instant() int64 { return q.instant.Load() }

// Wake lets a writer that waits on Wakeups go on. It never blocks.
func (q *RunQueue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Gather tells the shards whether the writer waits for them to pass an
// instant. The writer sets it before it asks Core.FlushedThrough, so that a shard which
// passes in between wakes it.
func (q *RunQueue) Gather(on bool) { q.gathers.Store(on) }

// passed is called by a shard that has come further.
func (q *RunQueue) passed() {
	if q.gathers.Load() {
		q.Wake()
	}
}

// Wakeups delivers a value when the queue may have become non-empty, or when
// a shard has passed an instant.
func (q *RunQueue) Wakeups() <-chan struct{} { return q.wake }
