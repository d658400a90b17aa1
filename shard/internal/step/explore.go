//go:build ringmodel

package step

import "testing"

// Preemptions is the bound that most models are played with: how often a schedule may
// switch away from a thread that could go on. Most faults of lock-free code need one or
// two switches.
const Preemptions = 2

// maxSteps ends a schedule in which the threads keep each other busy for ever.
const maxSteps = 5000

// Thread is what one goroutine of a model does. It calls wait when it has found
// nothing to do; wait returns when another thread has taken a step since.
type Thread func(wait func())

// Explore plays every schedule of the threads that fresh returns with at most that many
// preemptions, and returns how many schedules it has played. fresh is called once for
// each, and so is the check that it returns, after all threads have ended. A thread that
// waits while nobody is left to wake it fails the test.
func Explore(t *testing.T, preemptions int, fresh func() (threads []Thread, check func())) (played int) {
	for prefix := []int{}; ; played++ {
		threads, check := fresh()
		schedule := play(t, prefix, threads)
		check()
		if t.Failed() {
			t.Fatalf("schedule %v", prefix)
		}
		if prefix = following(schedule, preemptions); prefix == nil {
			return played + 1
		}
	}
}

// choice is one step of a schedule: which threads could take it, and which one did.
type choice struct {
	able  []int
	taken int // index into able
}

// following returns the choices with which the schedule after s begins, in
// depth-first order, or nil if s was the last one within the bound.
func following(s []choice, most int) (prefix []int) {
	for next := len(s) - 1; next >= 0; next-- {
		if s[next].taken+1 >= len(s[next].able) {
			continue
		}
		trial := append([]choice{}, s[:next+1]...)
		trial[next].taken++
		if preemptions(trial) > most {
			continue
		}
		for _, c := range trial {
			prefix = append(prefix, c.taken)
		}
		return prefix
	}
	return nil
}

// preemptions counts the switches away from a thread that could go on.
func preemptions(s []choice) (n int) {
	last := -1
	for _, c := range s {
		if c.taken > 0 && c.able[0] == last {
			n++
		}
		last = c.able[c.taken]
	}
	return n
}

// play runs the threads along prefix, then on without preemption, and returns
// the whole schedule.
func play(t *testing.T, prefix []int, threads []Thread) (schedule []choice) {
	p := newPlayer(threads)
	defer func() { hook = nil }()
	last := -1
	for n := 0; ; n++ {
		if n > maxSteps {
			t.Fatalf("more than %d steps: the threads keep each other busy for ever", maxSteps)
		}
		c := choice{able: p.able(last)}
		if len(c.able) == 0 {
			if i := p.stuck(); i >= 0 {
				t.Fatalf("thread %d waits and nobody is left to wake it", i)
			}
			return schedule
		}
		if n < len(prefix) {
			c.taken = prefix[n]
		}
		last = c.able[c.taken]
		schedule = append(schedule, c)
		p.turn(last)
	}
}
