//go:build ringmodel && !plainring

package ring

import (
	"fmt"
	"testing"

	"pitwall/shard/internal/step"
)

// Two producers push two pointers each to a ring that begins with one slot. The consumer
// takes four and shrinks the ring whenever it finds it empty. No pointer is lost or comes
// twice, those of each producer come in their order, and Empty is right at the end.
func TestNothingIsLostInAnyInterleaving(t *testing.T) {
	played := step.Explore(t, step.Preemptions, func() ([]step.Thread, func()) {
		var r Ring[item]
		var got []string
		produce := func(name int) step.Thread {
			return func(func()) {
				for n := range 2 {
					r.Push(tagged(name, n))
				}
			}
		}
		consume := func(wait func()) {
			for len(got) < 4 {
				c := r.Take()
				if c == nil {
					r.Shrink()
					wait()
					continue
				}
				got = append(got, fmt.Sprintf("%d.%d", c.producer, c.n))
			}
		}
		return []step.Thread{produce(0), produce(1), consume}, func() {
			at := map[string]int{}
			for i, g := range got {
				if _, twice := at[g]; twice {
					t.Errorf("twice: %v", got)
				}
				at[g] = i
			}
			if len(at) != 4 || at["0.0"] > at["0.1"] || at["1.0"] > at["1.1"] {
				t.Errorf("lost or out of order: %v", got)
			}
			if !r.Empty() || r.Take() != nil {
				t.Error("not empty at the end")
			}
		}
	})
	t.Logf("%d schedules of up to %d preemptions", played, step.Preemptions)
	if played < 10000 {
		t.Errorf("only %d schedules played: the model has lost its steps", played)
	}
}

// TestModelFindsAPlantedBug: a consumer frees a slot before it has emptied it. The model must
// find a schedule in which a pointer is lost.
func TestModelFindsAPlantedBug(t *testing.T) {
	lost := false
	step.Explore(t, step.Preemptions, func() ([]step.Thread, func()) {
		s := newSegment[item](1)
		pushed, taken := 0, 0
		push := func(func()) {
			for range 6 { // attempts
				if step.Point(); pushed < 2 && s.tail.Load() == s.head.Load() {
					s.tail.Add(1)
					step.Point()
					s.slots[0].Store(tagged(0, pushed))
					pushed++
				}
			}
		}
		take := func(func()) {
			for range 4 {
				if step.Point(); s.slots[0].Load() == nil {
					continue
				}
				taken++
				step.Point()
				s.head.Add(1) // planted: free first,
				step.Point()
				s.slots[0].Store(nil) // empty afterwards
			}
		}
		return []step.Thread{push, take}, func() {
			lost = lost || pushed > taken && s.slots[0].Load() == nil
		}
	})
	if !lost {
		t.Error("the planted loss was not seen")
	}
}
