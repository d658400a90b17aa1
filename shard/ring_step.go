//go:build !ringmodel

package shard

// firstSegment is the number of slots of a ring's first segment: one chunk per
// shard and a reply are what a healthy connection ever holds.
const firstSegment = 4

// keptSegment is the largest segment that shrink leaves alone.
const keptSegment = 16

// step does nothing and costs nothing; see ring_model.go.
func step() {}

// pause is what a push does that another one has come in front of, and a take
// that finds a push half done, once each: about 8 µs in which the other gets out
// of the way. Two processors that take the same cache lines from each other at
// every step are slower together than one after the other, and two shards that
// go over the same connections at the same time meet at each of them until one
// is ahead (the back-off of Anderson, The Performance of Spin Lock Alternatives
// for Shared-Memory Multiprocessors, IEEE TPDS 1990). It has to last as long as
// some dozens of such journeys of a cache line, 240 ns each: with 0, 3,000,
// 10,000, 30,000 and 100,000 turns BenchmarkRingInStep takes 104, 98, 79, 19 and
// 18 ns per pointer, BenchmarkRingContended 181, 120, 77, 66 and 128.
func pause() {
	for range 30_000 {
	}
}
