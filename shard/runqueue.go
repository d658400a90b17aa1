package shard

import "sync/atomic"

// RunQueue holds the connections of one writer that have something to send.
// Shards and sessions add, the writer takes all at once. It is intrusive: a
// connection is in the queue at most once, so it is never longer than the
// number of connections, and adding neither allocates nor waits.
//
// Memory ordering: who moves a connection's state from idle to queued owns its
// next field until the connection is in the queue; the CAS that publishes the
// chain publishes the links, and Take's swap acquires them. A connection
// returns to idle by the writer alone, which looks into the ring once more
// afterwards (see Conn.Rest), so a push that saw "queued" is not lost.
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
	c.next = ch.first
	if ch.first == nil {
		ch.last = c
	}
	ch.first = c
}

// splice puts the chain in the queue and wakes the writer if that was empty.
func (q *RunQueue) splice(ch *chain, instant int64) {
	if ch.first == nil {
		return
	}
	if instant > q.instant.Load() {
		q.instant.Store(instant) // a lost update costs one write more, no frame
	}
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

// Take removes all connections and returns them as a list linked by NextConn,
// longest waiting first; nil when there are none. Only the writer calls it.
func (q *RunQueue) Take() *Conn {
	var first *Conn
	for c := q.head.Swap(nil); c != nil; {
		next := c.next
		c.next = first
		first, c = c, next
	}
	return first
}

// NextConn takes the connection behind c off a list that Take returned.
func NextConn(c *Conn) *Conn {
	n := c.next
	c.next = nil
	return n
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
// instant. The writer sets it before it asks Core.Passed, so that a shard which
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
