//go:build ringmodel

package shard

// firstSegment is one slot here, so that a ring of two chunks already grows.
const firstSegment = 1

// keptSegment is so small that shrinking is played as well.
const keptSegment = 1

// stepper, if set, is called before each access to memory that the goroutines
// of a ring share. The model test uses it to decide who goes next.
var stepper func()

func step() {
	if stepper != nil {
		stepper()
	}
}

// pause is no step: a schedule is as long as it likes between two of them.
func pause() {}
