//go:build !plainring

package ring

import "pitwall/shard/internal/step"

// A ring that has grown is replaced by a small one if its size was not needed for about
// ten seconds. To grow again for each flush would cost more than the slots are worth.
const (
	quietUnit  = 1 << 30 // ns
	quietUnits = 10
)

// ShrinkIfQuiet replaces a ring that has grown by a small one, if it is empty and
// has had few pointers for a while. now is read only if the ring has grown; it
// returns ns of a monotonic clock. The consumer calls it at the end of each of its
// turns, so that no ring stays large for good.
func (r *Ring[T]) ShrinkIfQuiet(now func() int64) {
	s := r.head.Load()
	if s == nil || len(s.slots) <= keptSegment {
		return
	}
	took := uint32(s.taken) - s.seen
	s.seen += took
	at := uint32(now()/quietUnit) + 1
	if took > keptSegment || s.busy == 0 {
		s.busy = at
	} else if at-s.busy >= quietUnits {
		r.Shrink()
	}
}

// Shrink replaces a ring that has grown by a small one now, if it is empty. It is
// the producers' protocol with a smaller segment: the consumer closes its segment
// as a producer does that finds it full. If a producer reserved a slot before that,
// or is about to grow the ring, what it pushes is found as after any change of
// segment. The consumer calls it.
func (r *Ring[T]) Shrink() {
	step.Point()
	s := r.head.Load()
	for s != nil && len(s.slots) > keptSegment {
		step.Point()
		if s.tail.Load()&^closedBit != s.taken {
			return
		}
		s.close(firstSegment)
		step.Point()
		if s.tail.Load() != s.taken|closedBit {
			return
		}
		s = r.advance(s) // a large one if a producer was about to grow the ring
		step.Point()
		r.head.Store(s)
	}
}
