package live

import (
	"sync/atomic"

	"pitwall/shard"
)

// maxReplyBytes bounds the unwritten frames that were made for one connection alone.
// Beyond it no further request is carried out until the client has read. The reply to
// one request, and an error for each topic that is withdrawn, may exceed it.
const maxReplyBytes = 32 << 10

// account is the memory held for one connection alone, in bytes, beyond what every
// connection takes. What connections share is counted by the core, once.
//
// Memory ordering: each field is a sum of its own, and readers need only a recent
// value. Replies are the exception: see session.awaitDrain.
type account struct {
	replies    atomic.Int64 // control frames, from their making to their writing
	arriving   atomic.Int64 // the part of unfinished messages that was read
	waiting    atomic.Int64 // the goroutine of a parked session
	subscribed atomic.Int64 // subscriptions; the dispatchers add
	asking     atomic.Int64 // pending questions about access; the dispatchers add
}

// Sizes of what is held, in bytes.
const (
	slotBytes         = 48      // one place in the queue: in the ring, or in flight
	waitBytes         = 4 << 10 // the goroutine of a parked session, and its list of what is in flight
	subscriptionBytes = 64 + 16 // a subscription, and its place in the list

	// waitBytes for TLS: the stack is larger, and there is the record being written.
	// The encrypted record comes on top; see waitCost.
	waitTLS = 2*waitBytes + tlsRecord

	// crypto/tls starts with records of one packet, and lets the k-th record have k
	// packets, until this many bytes were sent. After that every record may have the
	// full length.
	tlsPacket    = 1186
	tlsRampBytes = 128 << 10
)

// waitCost is the memory of a goroutine that writes n bytes to TLS, in bytes. It
// includes the buffer for encrypted records, which has the length of the longest record
// so far: crypto/tls reuses these buffers, also for other connections. The consumer
// calls it, once for each write.
func (k *socket) waitCost(n int) int64 {
	for n > 0 {
		k.records++
		m := min(n, tlsRecord)
		if k.sent < tlsRampBytes {
			m = min(m, k.records*tlsPacket)
		}
		k.longest = max(k.longest, m)
		k.sent += m
		n -= m
	}
	return waitTLS + int64(k.longest+k.longest/8) // allocations are rounded up
}

// countReply counts a control frame made for s alone, and returns it. Call it before
// the frame is queued; uncountReply follows when the frame is written or dropped. Any
// goroutine may call either.
func (s *session) countReply(ch *shard.Chunk) *shard.Chunk {
	s.replies.Add(int64(ch.Cost()))
	return ch
}

func (s *session) uncountReply(ch *shard.Chunk) { s.replies.Add(-int64(ch.Cost())) }

// push queues a control frame. Any goroutine may call it.
func (s *session) push(ch *shard.Chunk) { s.conn.Push(s.countReply(ch)) }

// subscriptionCost is the memory of a subscription, in bytes.
func (srv *Server) subscriptionCost() int64 {
	return int64(subscriptionBytes + srv.core.SubscriptionBytes())
}

// private is the memory held for s alone, in bytes. Any goroutine may call it.
func (s *session) private() int64 {
	slots, _ := s.conn.Queued()
	n := int64(slots)*slotBytes + int64(s.inbox.held())
	if s.sock.measured != nil {
		n += s.sock.measured.room.Load()
	}
	return n + s.replies.Load() + s.arriving.Load() + s.waiting.Load() + s.subscribed.Load() + s.asking.Load()
}
