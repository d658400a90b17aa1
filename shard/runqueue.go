package shard

import "sync/atomic"

// RunQueue holds the connections of one writer that have something to send. Any
// goroutine may add, the writer takes all at once. It is an intrusive list: a
// connection is in it at most once, so it is never longer than the number of
// connections, and adding neither allocates nor waits.
//
// Memory ordering: the goroutine that moves a connection's state from idle to
// queued owns its next field until the connection is in the queue. The
// compare-and-swap that publishes a chain publishes its links and its end, and
// TakeInto's swap acquires them. Only the writer returns a connection to idle, and
// it looks into the ring once more afterwards (see Active.Rest), so a push that
// saw "queued" is not lost.
type RunQueue struct {
	head atomic.Pointer[Conn]
	// newestFlush is the newest flush time whose chunks its connections have, in ns of
	// the core's clock. It is a hint.
	newestFlush atomic.Int64
	// awaitsFlush is set by the writer while it waits for the shards to come to a
	// flush time, so that they wake it only then.
	awaitsFlush atomic.Bool
	wake        chan struct{}
}

func newRunQueue() *RunQueue { return &RunQueue{wake: make(chan struct{}, 1)} }

// chain collects connections on the shard's side, so that a topic's
// subscribers enter the queue with one compare-and-swap.
type chain struct{ first, last *Conn }

// add appends a connection that the caller has claimed.
func (ch *chain) add(c *Conn) {
	if ch.first == nil {
		ch.first = c
	} else {
		ch.last.next = c
	}
	ch.last = c
}

// splice empties the chain into the queue, and wakes the writer if the queue was
// empty. flush is the flush time of what its connections have; 0 for none. Any
// goroutine may call it.
func (q *RunQueue) splice(ch *chain, flush int64) {
	if ch.first == nil {
		return
	}
	if flush > q.newestFlush.Load() {
		q.newestFlush.Store(flush) // a lost update costs an extra write, no frame
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

// ConnList is a list of connections that a writer has taken off its run queue,
// longest waiting first. It belongs to the writer.
type ConnList struct{ first, last *Conn }

// Next takes the first connection off the list; false when there is none.
func (l *ConnList) Next() (a Active, ok bool) {
	c := l.first
	if c == nil {
		return Active{}, false
	}
	if l.first = c.next; l.first == nil {
		l.last = nil
	}
	c.next = nil // before its turn, after which it may be queued again
	return c.active(), true
}

// Empty reports whether nothing is in the list.
func (l *ConnList) Empty() bool { return l.first == nil }

// put appends a chain.
func (l *ConnList) put(first, last *Conn) {
	if last.next = nil; l.first == nil {
		l.first = first
	} else {
		l.last.next = first
	}
	l.last = last
}

// TakeInto moves all connections to the ends of two lists: chains of at most
// limit connections to small, longer ones to bulk. The two may be the same. Only
// the writer calls it.
func (q *RunQueue) TakeInto(small, bulk *ConnList, limit int) {
	if q.head.Load() == nil {
		return
	}
	// The queue has the newest chain first. Only the ends of chains are looked at,
	// so that the connections are not fetched from memory long before their turns.
	var oldest *Conn
	for c := q.head.Swap(nil); c != nil; {
		end := c.end
		older := end.next
		end.next = oldest
		oldest, c = c, older
	}
	for c := oldest; c != nil; {
		end := c.end
		newer := end.next
		l := bulk
		if small != bulk && atMost(c, end, limit) {
			l = small
		}
		l.put(c, end)
		c = newer
	}
}

// atMost reports whether the chain from c to end has at most n connections.
func atMost(c, end *Conn, n int) bool {
	for ; c != end; c = c.next {
		if n--; n <= 0 {
			return false
		}
	}
	return n > 0
}

// NewestFlush is the newest flush time whose chunks the queue's connections have,
// in ns of the core's clock; 0 for none.
func (q *RunQueue) NewestFlush() int64 { return q.newestFlush.Load() }

// Wake delivers a value to Wakeups, so that the writer that waits there goes on. It
// never blocks. Any goroutine may call it.
func (q *RunQueue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// AwaitFlush tells the shards whether the writer waits for them to come to a flush
// time. The writer calls it before it looks at Core.FlushedThrough, so that a shard
// which comes there in between wakes it.
func (q *RunQueue) AwaitFlush(on bool) { q.awaitsFlush.Store(on) }

// advanced is called by a shard whose watermark has moved.
func (q *RunQueue) advanced() {
	if q.awaitsFlush.Load() {
		q.Wake()
	}
}

// Wakeups delivers a value when the queue may have become non-empty, or when a
// shard's watermark has moved while AwaitFlush is on.
func (q *RunQueue) Wakeups() <-chan struct{} { return q.wake }
