// Package ring is the queue of one connection: many goroutines push pointers, one
// takes them. It is lock-free. It doubles when it is full and shrinks again after a
// quiet time, so that an idle connection costs nothing and a quiet one a few words. It
// has no bound: the owner of a Ring decides before it pushes.
//
// # Shape
//
// A segment is a circular array. Producers work on the segment that Ring.tail
// points to, the consumer on the one that Ring.head points to. They differ only
// while a full segment is being drained after a larger one was linked to it.
//
//	Ring.head                Ring.tail
//	    |                        |
//	[ segment, closed ] -next-> [ segment, open ]
//
// # State of a slot
//
// A slot is free (nil, and within the segment's length of head), reserved (tail
// has passed it, still nil), or filled. Producers move it from free to reserved
// to filled, the consumer back to free. No other goroutine may write it in between.
//
// # Memory ordering
//
// Go's atomics are sequentially consistent. Three arguments carry the ring:
//
//  1. A producer reserves slot t by a compare-and-swap of segment.tail from t to
//     t+1, then stores the pointer. Between the two the slot is nil, and the
//     consumer takes nil for "nothing yet". So a ring may look empty while a push
//     is half done. The producer wakes the consumer only after its store, and the
//     consumer finds the pointer then. A wake-up before the store could be the last one,
//     and the pointer would stay in the ring.
//  2. The consumer stores nil before it advances segment.head, which it does
//     when it finds the segment empty or has taken half of it. A producer
//     reserves slot t only when it has seen head > t-len. So the nil that freed
//     the slot happens before the producer's store. In the other order the late nil
//     would erase a new pointer (TestModelFindsAPlantedBug plays this). While head lags,
//     the ring may grow too early, but no pointer is lost.
//  3. A full segment is closed by setting the top bit of its tail. No
//     compare-and-swap moves a closed tail, so it says how many slots were
//     reserved, and the consumer leaves the segment after it has taken that many:
//     the order of each producer survives the change of segment. The next segment
//     is linked before the bit is set, so every goroutine that sees the bit finds it.
//
// # Progress
//
// No step waits for another goroutine: a compare-and-swap fails only where
// another one succeeded. A push that lost such a race, and a take that finds a
// push half done, pause once, for a fixed time, and then go on whatever has
// happened; see pause.
//
// # Caveats
//
// The consumer's methods (Take, Empty, PrefetchTake, ShrinkIfQuiet, Shrink, Slots)
// must not run at the same time as each other. When another goroutine becomes the
// consumer, the calls of the old one must happen before its own. step.Point is called
// before each access that others can see. It is empty except in the build that plays
// every interleaving (tag ringmodel). With the tag plainring, a queue under a mutex
// replaces the ring, so that benchmarks of the whole core can compare the two.
package ring
