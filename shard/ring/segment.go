//go:build !plainring

package ring

import (
	"sync/atomic"

	"pitwall/shard/internal/step"
)

// closedBit in segment.tail says that no slot can be reserved any more. The counter
// never gets there: with a push per nanosecond that would take 292 years.
const closedBit = 1 << 63

// segment is one circular array of a ring. The number of slots is a power of two.
type segment[T any] struct {
	tail  atomic.Uint64 // next slot to reserve, and closedBit
	head  atomic.Uint64 // slots before it are free; the consumer sets it to taken at times
	taken uint64        // next slot to take; the consumer's own, like the next two fields
	seen  uint32        // value of taken at the last ShrinkIfQuiet
	busy  uint32        // when ShrinkIfQuiet last found it in use, in quietUnits; 0 for never
	next  atomic.Pointer[segment[T]]
	slots []atomic.Pointer[T]
}

func newSegment[T any](n int) *segment[T] {
	return &segment[T]{slots: make([]atomic.Pointer[T], n)}
}

// close ends the reservations in s where they are now. Before that it links a
// segment of n slots after s, unless another goroutine has. Any goroutine may
// call it.
func (s *segment[T]) close(n int) {
	step.Point()
	if s.next.Load() == nil {
		step.Point()
		s.next.CompareAndSwap(nil, newSegment[T](n))
	}
	step.Point()
	s.tail.Or(closedBit)
}

// publishHead lets producers use the slots that were taken. It is not part of each take,
// because producers read the cache line that head is on. The consumer calls it.
func (s *segment[T]) publishHead() {
	if s.head.Load() == s.taken { // only the consumer writes head
		return
	}
	step.Point()
	s.head.Store(s.taken)
}
