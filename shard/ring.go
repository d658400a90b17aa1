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
//  1. A producer reserves slot t by a compare-and-swap of segment.tail from t to
//     t+1, then stores the pointer. Between the two the slot is nil, and the
//     consumer takes nil for "nothing yet". So a ring may look empty while a push
//     is half done; the producer wakes the consumer only after its store, and
//     that wake-up finds the pointer.
//  2. The consumer stores nil before it advances segment.head, which it does
//     when it finds the segment empty or has taken half of it. A producer
//     reserves slot t only when it has seen head > t-len, so the nil that freed
//     the slot happens before its own store, and no pointer is overwritten. A
//     head that lags makes the ring grow early, never overwrite.
//  3. A segment that is full is closed by setting the top bit of its tail. No
//     compare-and-swap moves a closed tail any more, so it says how many slots
//     were reserved, and the consumer leaves the segment once it has taken that
//     many: the order of each producer survives the change of segment. The next
//     segment is linked before that, so whoever sees the bit finds it.
//
// # Progress
//
// No step waits for another goroutine: a compare-and-swap fails only where
// somebody else's succeeded. A push that another one came in front of, and a take
// that finds one half done, pause once, for a fixed time, and then go on whatever
// has happened; see pause.
//
// The calls of step stand before each access that others can see; they are empty
// but for the build that plays every interleaving.
type ring struct {
	tail atomic.Pointer[segment] // where producers push; nil until the first push
	head atomic.Pointer[segment] // where the consumer takes; written by the first push and then by the consumer only
}

// closedBit in segment.tail says that no slot can be reserved any more.
const closedBit = 1 << 63

type segment struct {
	tail  atomic.Uint64 // next slot to reserve, and closedBit
	head  atomic.Uint64 // slots before it are free; the consumer brings it up to taken at times
	taken uint64        // next slot to take; the consumer's own, like the next two
	seen  uint32        // taken at the last relax
	busy  uint32        // when a relax last found it in use, in calmUnits; 0 for never
	next  atomic.Pointer[segment]
	slots []atomic.Pointer[Chunk]
}

func newSegment(n int) *segment {
	return &segment{slots: make([]atomic.Pointer[Chunk], n)}
}

// push appends c. It never fails and waits for nobody; it allocates only when the
// ring has to grow. Any goroutine may call it.
func (r *ring) push(c *Chunk) {
	step()
	s := r.tail.Load()
	if s == nil {
		s = r.first()
	}
	for paused := false; ; {
		step()
		t := s.tail.Load()
		if t&closedBit != 0 {
			s = r.follow(s)
			continue
		}
		step()
		if int64(t-s.head.Load()) >= int64(len(s.slots)) { // head may have gone past a t that is old by now
			s.close(2 * len(s.slots))
			continue
		}
		step()
		if s.tail.CompareAndSwap(t, t+1) {
			step()
			s.slots[t&uint64(len(s.slots)-1)].Store(c)
			return
		}
		if !paused {
			paused = true
			pause()
		}
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
		// The consumer may already have moved on from the first segment; then
		// tail is set, and the exchange below fails.
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
	next := s.next.Load()
	step()
	r.tail.CompareAndSwap(s, next)
	return next
}

// close ends the reservations in s where they are now, and links a segment of n
// slots behind it before that, unless somebody has.
func (s *segment) close(n int) {
	step()
	if s.next.Load() == nil {
		step()
		s.next.CompareAndSwap(nil, newSegment(n))
	}
	step()
	s.tail.Or(closedBit)
}

// take removes the oldest chunk, or returns nil when there is none to be had
// now. Only the ring's one consumer may call it.
func (r *ring) take() *Chunk {
	step()
	s := r.head.Load()
	for paused := false; s != nil; {
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
		step()
		switch t := s.tail.Load(); {
		case t == h:
			return nil
		case t == h|closedBit:
			step()
			s = s.next.Load()
			step()
			r.head.Store(s)
		case paused:
			return nil // the push at h is half done: its end wakes the consumer
		default:
			paused = true
			pause()
		}
	}
	return nil
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
		step()
		if s.tail.Load() != h|closedBit {
			return true // nothing there, or the push at h is half done
		}
		step()
		s = s.next.Load()
	}
	return true
}

// A ring that has grown is replaced by a small one when it was not needed for
// about ten seconds: to grow again for each flush would cost more than it holds.
const (
	calmUnit  = 1 << 30 // ns
	calmUnits = 10
)

// relax is called by the consumer at the end of each of its turns, so that every
// way in which a ring has grown ends with a small one.
func (r *ring) relax(now func() int64) {
	s := r.head.Load()
	if s == nil || len(s.slots) <= keptSegment {
		return
	}
	took := uint32(s.taken) - s.seen
	s.seen += took
	at := uint32(now()/calmUnit) + 1
	if took > keptSegment || s.busy == 0 {
		s.busy = at
	} else if at-s.busy >= calmUnits {
		r.shrink()
	}
}

// shrink replaces a ring that has grown and is empty by a small one. Only the
// consumer may call it; it is the producers' protocol with a smaller segment.
func (r *ring) shrink() {
	step()
	s := r.head.Load()
	for s != nil && len(s.slots) > keptSegment {
		step()
		if s.tail.Load()&^closedBit != s.taken {
			return
		}
		s.close(firstSegment)
		step()
		if s.tail.Load() != s.taken|closedBit {
			return
		}
		s = r.follow(s) // a large one if a producer was about to grow
		step()
		r.head.Store(s)
	}
}
