//go:build !ringmodel

package ring

// firstSegment is the number of slots of a ring's first segment. A healthy connection
// holds no more than one pointer per shard and a reply.
const firstSegment = 4

// keptSegment is the largest segment that Shrink leaves alone.
const keptSegment = 16

// pause lasts about 8 µs, in which the other goroutine gets ahead. A push calls it once
// if it has lost a race, and a take once if it has found a push half done. Two
// processors that compete for the same cache lines at every step are slower together
// than one after the other. Two shards that push to the same connections at the same
// time compete at each of them, until one is ahead. This is the back-off of Anderson,
// The Performance of Spin Lock Alternatives for Shared-Memory Multiprocessors, IEEE TPDS
// 1990. The pause has to last as long as some dozens of transfers of a cache line.
// BenchmarkRingInStep and BenchmarkRingContended show its effect: without it, or at a
// tenth of its length, a pointer costs several times as much; at three times its length,
// BenchmarkRingContended gets slower again.
func pause() {
	for range 30_000 {
	}
}
