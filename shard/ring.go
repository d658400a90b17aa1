//go:build !plainring

package shard

import "sync/atomic"

// ring is the queue of one connection: many shards push, one writer takes.
// It is lock-free, holds pointers only and grows by doubling when it is full,
// so that an idle connection costs nothing and a quiet one a few words. The
// bound is not here: Conn admits or refuses before it pushes.
//
// # Shape
//
// A segment is a circular array. Producers work on the segment that tail
// points to, the consumer on the one that head points to; they differ only
// while a full segment is being drained after a larger one was linked behind.
//
// # Memory ordering
//
// Go's atomics are sequentially consistent; what is relied on is this:
//
//  1. A producer reserves slot t by adding 1 to segment.tail, which fetches the
//     cache line once and never fails, then stores the pointer. Between the two
//     the slot is nil, and the consumer takes nil for "nothing yet". So a ring
//     may look empty while a push is half done; the producer wakes the consumer
//     only after its store, and that wake-up finds the pointer.
//  2. The consumer stores nil before it advances segment.head, which it does
//     when it finds the segment empty or has taken half of it. A producer
//     stores into slot t only when it has seen head > t-len, so the nil that
//     freed the slot happens before its own store, and no pointer is
//     overwritten. A head that lags makes the ring grow early, never overwrite.
//  3. Who reserved a slot that is not free yet cannot give it back. It leaves
//     the pointer with its number in the segment's sequel, where the consumer
//     looks when it comes to an empty slot, and closes the segment.
//  4. A segment is closed by setting the top bit of its tail, and the sequel is
//     always there before that, so whoever sees the bit finds the next segment.
//     Additions behind the bit reserve nothing; the number reserved before it is
//     in sequel.end, and the consumer leaves a segment once it has taken that
//     many: the order of each producer survives the change of segment. Until
//     end is stored the ring may look empty; its closer wakes the consumer, too,
//     only behind that.
//
// No step waits for another goroutine: a failed CAS means that somebody else
// made progress, and a push into a segment with room needs none. The calls of
// step stand before each access that others can see; they are empty but for the
// build that plays every interleaving.
type ring struct {
	tail atomic.Pointer[segment] // where producers push; nil until the first push
	head atomic.Pointer[segment] // where the consumer takes; written by the first push and then by the consumer only
}

// closedBit in segment.tail says that no slot can be reserved any more.
const closedBit = 1 << 63

type segment struct {
	tail   atomic.Uint64 // next slot to reserve, and closedBit; producers add, closed or not
	head   atomic.Uint64 // slots before it are free; the consumer brings it up to taken at times
	taken  uint64        // next slot to take; the consumer's own
	sequel atomic.Pointer[sequel]
	slots  []atomic.Pointer[Chunk]
}

// sequel is what a segment that is full, or too large, is closed with.
type sequel struct {
	next    *segment
	end     atomic.Uint64           // closedBit and the number of slots that were reserved; 0 until that is known
	spilled atomic.Pointer[spilled] // pushes that found their slot taken, the last one first
}

// spilled is a push that has reserved slot at before it was free. A producer
// leaves one per segment at most, as it closes the segment behind it.
type spilled struct {
	at    uint64
	chunk *Chunk
	next  *spilled
}

func newSegment(n int) *segment {
	return &segment{slots: make([]atomic.Pointer[Chunk], n)}
}

// push appends c. It never fails and never waits; it allocates only when the
// ring has to grow. Any goroutine may call it.
func (r *ring) push(c *Chunk) {
	step()
	s := r.tail.Load()
	if s == nil {
		s = r.first()
	}
	for {
		step()
		t := s.tail.Add(1) - 1
		if t&closedBit != 0 {
			s = r.follow(s)
			continue
		}
		step()
		if t-s.head.Load() < uint64(len(s.slots)) {
			step()
			s.slots[t&uint64(len(s.slots)-1)].Store(c)
			return
		}
		s.spill(t, c)
		r.follow(s)
		return
	}
}

// warm fetches what a push will need into the processor's cache. The producer
// calls it.
func (r *ring) warm() {
	if s := r.tail.Load(); s != nil {
		_ = s.head.Load()
	}
}

// warmTake fetches what a take will need. The consumer calls it.
func (r *ring) warmTake() {
	if s := r.head.Load(); s != nil {
		_ = s.slots[s.taken&uint64(len(s.slots)-1)].Load()
	}
}

// first makes the ring's first segment, or finds the one that another
// producer has just made. head is set before tail is, so whoever can push has
// given the consumer something to look at.
func (r *ring) first() *segment {
	n := newSegment(firstSegment)
	step()
	if !r.head.CompareAndSwap(nil, n) {
		step()
		n = r.head.Load()
		// The consumer may already have moved on from the first segment, and
		// tail with it: it only ever points to a segment at or behind n.
	}
	step()
	if r.tail.CompareAndSwap(nil, n) {
		return n
	}
	step()
	return r.tail.Load()
}

// follow moves the ring's tail from the closed segment s to the next one and
// returns the segment to try now.
func (r *ring) follow(s *segment) *segment {
	step()
	next := s.sequel.Load().next
	step()
	r.tail.CompareAndSwap(s, next)
	return next
}

// spill leaves c for slot at, which is not free, and closes s.
func (s *segment) spill(at uint64, c *Chunk) {
	q := s.follower(2 * len(s.slots))
	mine := &spilled{at: at, chunk: c}
	for {
		step()
		mine.next = q.spilled.Load()
		step()
		if q.spilled.CompareAndSwap(mine.next, mine) {
			break
		}
	}
	s.close(q)
}

// follower links a segment of n slots behind s, unless somebody has.
func (s *segment) follower(n int) *sequel {
	step()
	if q := s.sequel.Load(); q != nil {
		return q
	}
	q := &sequel{next: newSegment(n)}
	step()
	if s.sequel.CompareAndSwap(nil, q) {
		return q
	}
	step()
	return s.sequel.Load()
}

// close ends the reservations in s, unless somebody has.
func (s *segment) close(q *sequel) {
	step()
	if t := s.tail.Or(closedBit); t&closedBit == 0 {
		step()
		q.end.Store(t | closedBit)
	}
}

// take removes the oldest chunk, or returns nil when there is none to be had
// now. Only the ring's one consumer may call it.
func (r *ring) take() *Chunk {
	step()
	s := r.head.Load()
	for s != nil {
		h := s.taken
		slot := &s.slots[h&uint64(len(s.slots)-1)]
		step()
		if c := slot.Load(); c != nil {
			step()
			slot.Store(nil)
			s.taken = h + 1
			if s.taken-s.head.Load() > uint64(len(s.slots))/2 {
				s.free()
			}
			return c
		}
		s.free()
		c, next := s.beyond(h)
		if c != nil {
			s.taken = h + 1
			return c
		}
		if next == nil {
			return nil // empty, or the push at h is half done
		}
		s = next
		step()
		r.head.Store(s)
	}
	return nil
}

// beyond is what there is when slot h is empty: the chunk that was spilled for
// it, or, when h is the end of the segment, the next one. The consumer calls it.
func (s *segment) beyond(h uint64) (*Chunk, *segment) {
	step()
	q := s.sequel.Load()
	if q == nil {
		return nil, nil
	}
	step()
	for p := q.spilled.Load(); p != nil; p = p.next {
		if p.at == h {
			return p.chunk, nil
		}
	}
	step()
	if q.end.Load() == h|closedBit {
		return nil, q.next
	}
	return nil, nil
}

// free lets producers have the slots that were taken. The consumer calls it.
func (s *segment) free() {
	if s.head.Load() == s.taken { // written by nobody else
		return
	}
	step()
	s.head.Store(s.taken)
}

// empty reports whether take would return nil. Only the consumer may call it.
func (r *ring) empty() bool {
	step()
	s := r.head.Load()
	for s != nil {
		h := s.taken
		step()
		if s.slots[h&uint64(len(s.slots)-1)].Load() != nil {
			return false
		}
		c, next := s.beyond(h)
		if c != nil {
			return false
		}
		s = next
	}
	return true
}

// shrink replaces a ring that has grown and is empty by a small one. Only the
// consumer may call it; it is the producers' protocol with a smaller segment.
func (r *ring) shrink() {
	step()
	s := r.head.Load()
	if s == nil || len(s.slots) <= keptSegment || !r.empty() {
		return
	}
	s.close(s.follower(firstSegment))
	r.follow(s)
}
