package live

import (
	"reflect"
	"sync"
)

// Bounds of what a session's requests may take while they wait. Beyond either
// its socket is not read, so that the client's window fills and the client has
// to wait. One message that has begun may come on top.
const (
	maxInboxMessages = 64
	maxInboxBytes    = 16 << 10
)

// message is one message of a client.
type message struct {
	data       []byte // nil for what is no text
	compressed bool
	next       *message
}

var messageBytes = int(reflect.TypeFor[message]().Size())

// cost is the memory that a message takes, in bytes.
func (m *message) cost() int { return messageBytes + cap(m.data) }

// inbox hands a session's requests from its reader to the dispatchers, and has
// the reader wait while there are too many.
type inbox struct {
	mu          sync.Mutex
	first, last *message
	waiting     int           // messages
	bytes       int           // of those that wait, and of the one that is carried out
	current     int           // of the latter
	room        chan struct{} // closed when the reader may go on; nil while it does not wait
	throttled   bool          // the client has sent too many pings: nothing is read
	ended       bool          // the connection ends: the reader waits no more
}

// put adds a message. It never waits: the reader calls it with what it has read.
func (q *inbox) put(m *message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.last == nil {
		q.first = m
	} else {
		q.last.next = m
	}
	q.last = m
	q.waiting++
	q.bytes += m.cost()
}

// waitForRoom waits until there is room. The reader calls it before it reads.
func (q *inbox) waitForRoom() {
	q.mu.Lock()
	for q.full() && !q.ended {
		room := make(chan struct{})
		q.room = room
		q.mu.Unlock()
		<-room
		q.mu.Lock()
	}
	q.mu.Unlock()
}

// full is called with mu held.
func (q *inbox) full() bool {
	return q.throttled || q.waiting >= maxInboxMessages || q.bytes >= maxInboxBytes
}

// wake lets the reader go on, if it waits and there is room. mu is held.
func (q *inbox) wake() {
	if q.room != nil && (q.ended || !q.full()) {
		close(q.room)
		q.room = nil
	}
}

// end lets the reader go on for good. Any goroutine may call it.
func (q *inbox) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.wake()
}

// paused reports whether the reader waits, so that nothing of the client's is
// seen. Any goroutine may call it.
func (q *inbox) paused() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.room != nil
}

// empty reports whether no message waits. Any goroutine may call it.
func (q *inbox) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first == nil
}

// nextSubscribes reports whether the next message may ask for a snapshot. Any
// goroutine may call it.
func (q *inbox) nextSubscribes() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first != nil && q.first.subscribes()
}

// take removes the next message, which must be there. It counts until the next
// take or done. The dispatchers call it.
func (q *inbox) take() *message {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.first
	if q.first = m.next; q.first == nil {
		q.last = nil
	}
	m.next = nil
	q.waiting--
	q.replaceCurrent(m.cost())
	return m
}

// inflated notes that the message taken takes so many bytes more.
func (q *inbox) inflated(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.current += n
	q.bytes += n
}

// done says that the message taken is carried out.
func (q *inbox) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.replaceCurrent(0)
}

// clear drops all messages, also the one that is carried out. A dispatcher calls it
// when the reader has ended: a timer or the shards may keep the session for a moment
// longer, and should not keep what the client has sent.
func (q *inbox) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.first, q.last, q.waiting = nil, nil, 0
	q.bytes, q.current = 0, 0
}

// replaceCurrent puts a message of so many bytes, which counts already, in the
// place of the one that is carried out. mu is held.
func (q *inbox) replaceCurrent(bytes int) {
	q.bytes -= q.current
	q.current = bytes
	q.wake()
}

// held is what the messages take, and the reader that waits, in bytes. Any
// goroutine may call it.
func (q *inbox) held() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.room != nil {
		return q.bytes + pauseBytes
	}
	return q.bytes
}

// pauseBytes is by how much the reader's stack grows when it waits, in bytes.
const pauseBytes = 2 << 10
