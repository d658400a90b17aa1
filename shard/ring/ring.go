//go:build !plainring

package ring

import (
	"sync/atomic"

	"pitwall/shard/internal/step"
)

// Ring is a queue of pointers to T. The zero value is empty and ready to use. It
// must not be copied after its first use.
type Ring[T any] struct {
	tail atomic.Pointer[segment[T]] // where producers push; nil until the first push
	head atomic.Pointer[segment[T]] // where the consumer takes; written by the first push and then by the consumer only
}

// Push appends v, which must not be nil. It never fails and waits for nobody; it
// allocates only when the ring has to grow. Any goroutine may call it.
func (r *Ring[T]) Push(v *T) {
	step.Point()
	s := r.tail.Load()
	if s == nil {
		s = r.start()
	}
	for paused := false; ; {
		step.Point()
		t := s.tail.Load()
		if t&closedBit != 0 {
			s = r.advance(s)
			continue
		}
		step.Point()
		if int64(t-s.head.Load()) >= int64(len(s.slots)) { // signed: head may have passed a t that is old by now
			s.close(2 * len(s.slots))
			continue
		}
		step.Point()
		if s.tail.CompareAndSwap(t, t+1) {
			step.Point()
			s.slots[t&uint64(len(s.slots)-1)].Store(v)
			return
		}
		if !paused {
			paused = true
			pause()
		}
	}
}

// PrefetchPush brings what Push will need into the processor's cache. Any
// goroutine may call it.
func (r *Ring[T]) PrefetchPush() {
	if s := r.tail.Load(); s != nil {
		_ = s.head.Load()
	}
}

// start makes the ring's first segment, or finds the one that another producer
// has just made. head is set before tail, so after the first push the consumer
// finds a segment.
func (r *Ring[T]) start() *segment[T] {
	n := newSegment[T](firstSegment)
	step.Point()
	if !r.head.CompareAndSwap(nil, n) {
		step.Point()
		n = r.head.Load()
		// The consumer may already have moved on from the first segment. Then
		// tail is set, and the exchange below fails.
	}
	step.Point()
	if r.tail.CompareAndSwap(nil, n) {
		return n
	}
	step.Point()
	return r.tail.Load()
}

// advance moves the ring's tail from the closed segment s to the next one, unless
// another producer has, and returns the segment to try now.
func (r *Ring[T]) advance(s *segment[T]) *segment[T] {
	step.Point()
	next := s.next.Load()
	step.Point()
	r.tail.CompareAndSwap(s, next)
	return next
}

// Take removes the oldest pointer. It returns nil when there is none to be had
// now, which includes a push that is half done. The consumer calls it.
func (r *Ring[T]) Take() *T {
	step.Point()
	s := r.head.Load()
	for paused := false; s != nil; {
		h := s.taken
		slot := &s.slots[h&uint64(len(s.slots)-1)]
		step.Point()
		if v := slot.Load(); v != nil {
			step.Point()
			slot.Store(nil)
			s.taken = h + 1
			if s.taken-s.head.Load() > uint64(len(s.slots))/2 {
				s.publishHead()
			}
			return v
		}
		s.publishHead()
		step.Point()
		switch t := s.tail.Load(); {
		case t == h:
			return nil
		case t == h|closedBit: // all that was reserved is taken: on to the next segment
			step.Point()
			s = s.next.Load()
			step.Point()
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

// PrefetchTake brings what Take will need into the processor's cache. The
// consumer calls it.
func (r *Ring[T]) PrefetchTake() {
	if s := r.head.Load(); s != nil {
		_ = s.slots[s.taken&uint64(len(s.slots)-1)].Load()
	}
}

// Empty reports whether Take would return nil. The consumer calls it.
func (r *Ring[T]) Empty() bool {
	step.Point()
	s := r.head.Load()
	for s != nil {
		h := s.taken
		step.Point()
		if s.slots[h&uint64(len(s.slots)-1)].Load() != nil {
			return false
		}
		step.Point()
		if s.tail.Load() != h|closedBit {
			return true // nothing there, or the push at h is half done
		}
		step.Point()
		s = s.next.Load()
	}
	return true
}

// Slots is the number of slots of the segment that the consumer takes from, 0
// before the first push. The consumer calls it.
func (r *Ring[T]) Slots() int {
	if s := r.head.Load(); s != nil {
		return len(s.slots)
	}
	return 0
}
