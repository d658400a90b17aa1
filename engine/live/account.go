package live

import (
	"sync/atomic"

	"pitwall/shard"
)

// maxReplyBytes is how many bytes the frames may take that were made for one
// connection alone and are not written. Beyond it no request is carried out
// until the client has read. One reply may come on top, and an error for each
// topic that is withdrawn.
const maxReplyBytes = 32 << 10

// account is the memory that is held for one connection alone, on top of
// what every connection takes. What connections share is counted by the core, once.
//
// Memory ordering: each field is a sum of its own, and a reader needs no more than
// a recent value. Replies are the exception: see session.awaitDrain.
type account struct {
	replies  atomic.Int64 // control frames from their making to their writing
	arriving atomic.Int64 // what was read of messages that are not whole
	waiting  atomic.Int64 // the goroutine of a parked session
	watches  atomic.Int64 // subscriptions; the dispatchers add
	asking   atomic.Int64 // questions about access under way; the dispatchers add
}

// Sizes of what is held, in bytes.
const (
	slotBytes = 48      // one place in the queue: in the ring, or in flight
	waitBytes = 4 << 10 // the goroutine of a parked session, and its list of what is in flight
	watchSize = 64 + 16 // a watch, and its place in the list

	// The same inside of TLS: its stack is larger, and it has the record that it
	// writes. What that is encrypted to comes on top.
	waitTLS = 2*waitBytes + tlsRecord

	// Records of crypto/tls begin with one packet, and the k-th may have k, until
	// so many bytes were sent: all may be as long as a record can be from then on.
	tlsPacket = 1186
	longFrom  = 128 << 10
)

// waitCost is what a goroutine takes that writes n bytes to TLS, in bytes. The
// buffer that records are encrypted to is as long as the longest so far: buffers
// are used again, by other connections as well. The consumer calls it, once for each
// write.
func (k *socket) waitCost(n int) int64 {
	for n > 0 {
		k.records++
		m := min(n, tlsRecord)
		if k.sent < longFrom {
			m = min(m, k.records*tlsPacket)
		}
		k.longest = max(k.longest, m)
		k.sent += m
		n -= m
	}
	return waitTLS + int64(k.longest+k.longest/8) // what is allocated is rounded up
}

// owe counts a control frame made for s alone. Each is counted before it is queued,
// and repaid when it is written or dropped. Any goroutine may call it.
func (s *session) owe(ch *shard.Chunk) *shard.Chunk {
	s.replies.Add(int64(ch.Cost()))
	return ch
}

// repay counts a control frame out.
func (s *session) repay(ch *shard.Chunk) { s.replies.Add(-int64(ch.Cost())) }

// push queues a control frame. Any goroutine may call it.
func (s *session) push(ch *shard.Chunk) { s.conn.Push(s.owe(ch)) }

// watchCost is the memory of a subscription, in bytes.
func (srv *Server) watchCost() int64 { return int64(watchSize + srv.core.SubscriptionBytes()) }

// private is the memory held for s alone, in bytes. Any goroutine may call it.
func (s *session) private() int64 {
	slots, _ := s.conn.Queued()
	n := int64(slots)*slotBytes + int64(s.inbox.held())
	if s.sock.measured != nil {
		n += s.sock.measured.room.Load()
	}
	return n + s.replies.Load() + s.arriving.Load() + s.waiting.Load() + s.watches.Load() + s.asking.Load()
}
