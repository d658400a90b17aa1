package live

import (
	"reflect"
	"sync"
)

// Bounds of a session's waiting requests. Beyond either, its socket is not read, so that
// the client's TCP window fills and the client has to wait. A message that has begun may
// exceed them.
const (
	maxInboxMessages = 64
	maxInboxBytes    = 16 << 10
)

// message is one message of a client. Once it is in the inbox only the link changes.
type message struct {
	data       []byte // nil if the message is no text
	compressed bool
	next       *message
}

var messageBytes = int(reflect.TypeFor[message]().Size())

// cost is the memory of a message, in bytes.
func (m *message) cost() int { return messageBytes + cap(m.data) }

// inbox passes a session's requests from its reader to the dispatchers, and has the
// reader wait while there are too many.
type inbox struct {
	mu          sync.Mutex
	first, last *message
	waiting     int           // messages
	bytes       int           // of the waiting messages and the current one
	current     int           // bytes of the current message, which is being carried out
	room        chan struct{} // closed when the reader may go on; nil while it does not wait
	throttled   bool          // the client has sent too many pings: nothing is read
	ended       bool          // the connection ends: the reader waits no more
}

// put adds a message, without waiting. The reader calls it.
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

// full reports whether nothing may be read now. mu is held.
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

// paused reports whether the reader waits, so that the client's messages and pongs are
// not read. Any goroutine may call it.
func (q *inbox) paused() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.room != nil
}

// peek returns the next message, nil for none. Any goroutine may call it.
func (q *inbox) peek() *message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first
}

// take removes the next message, which must be there, and makes it the current one until
// the next take or done. The dispatchers call it.
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

// inflated adds n bytes to the current message. The dispatchers call it.
func (q *inbox) inflated(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.current += n
	q.bytes += n
}

// done says that the current message was carried out. The dispatchers call it.
func (q *inbox) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.replaceCurrent(0)
}

// clear drops all messages. A dispatcher calls it when the reader has ended: a timer or
// the shards may keep the session in memory for a moment longer, and its messages should
// not stay with it.
func (q *inbox) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.first, q.last, q.waiting = nil, nil, 0
	q.bytes, q.current = 0, 0
}

// replaceCurrent replaces the current message by one of that many bytes, which are
// counted already. mu is held.
func (q *inbox) replaceCurrent(bytes int) {
	q.bytes -= q.current
	q.current = bytes
	q.wake()
}

// held is the memory of the messages, and of a reader that waits, in bytes. Any
// goroutine may call it.
func (q *inbox) held() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.room != nil {
		return q.bytes + pauseBytes
	}
	return q.bytes
}

// pauseBytes is how much the reader's stack grows when it waits, in bytes.
const pauseBytes = 2 << 10
