//go:build ringmodel

package ring

// firstSegment is one slot here, so that a ring of two pointers already grows.
const firstSegment = 1

// keptSegment is so small that shrinking is played as well.
const keptSegment = 1

// pause is empty here: a schedule has any length of time between two steps.
func pause() {}
