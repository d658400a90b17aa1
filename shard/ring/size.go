//go:build !ringmodel

package ring

// firstSegment is the number of slots of a ring's first segment: one pointer per
// shard and a reply are what a healthy connection ever holds.
const firstSegment = 4

// keptSegment is the largest segment that Shrink leaves alone.
const keptSegment = 16

// pause lasts about 8 µs, in which the other goroutine gets ahead. A push calls it once
// if it has lost a race, and a take once if it has found a push half done. Two
// processors that take the same cache lines from each other at every step are slower
// together than one after the other, and two shards that go over the same connections
// at the same time meet at each of them until one is ahead (the back-off of Anderson,
// The Performance of Spin Lock Alternatives for Shared-Memory Multiprocessors, IEEE TPDS
// 1990). The pause has to last as long as some dozens of transfers of a cache line.
// BenchmarkRingInStep and BenchmarkRingContended show what it is worth: without it, or
// with a tenth of it, a pointer costs several times as much; with three times of it,
// BenchmarkRingContended gets slower again.
func pause() {
	for range 30_000 {
	}
}
