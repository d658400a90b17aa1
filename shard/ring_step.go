//go:build !ringmodel

package shard

// firstSegment is the number of slots of a ring's first segment: one chunk per
// shard and a reply are what a healthy connection ever holds.
const firstSegment = 4

// keptSegment is the largest segment that shrink leaves alone.
const keptSegment = 16

// step does nothing and costs nothing; see ring_model.go.
func step() {}
