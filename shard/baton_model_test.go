//go:build ringmodel

package shard

import (
	"slices"
	"testing"

	"pitwall/shard/internal/step"
)

// desk is a shard as the baton sees it: work is left at it or done on a visit,
// by one at a time.
type desk struct {
	t      *testing.T
	baton  baton
	left   []int // the inbox; one step is one access
	done   []int
	turned bool // a turn is under way
}

// Pieces of work; what remains of the second is a piece of its own, which nobody
// brings.
const deskWork, deskRest = 5, 4

// turn does what is brought, or else the first that was left, and reports
// whether more is.
func (d *desk) turn(brought int) (more bool) {
	if d.turned {
		d.t.Error("two turns at the same time")
	}
	d.turned = true
	step.Point()
	if brought < 0 && len(d.left) > 0 {
		brought, d.left = d.left[0], d.left[1:]
	}
	if brought >= 0 {
		d.done = append(d.done, brought)
	}
	if brought == 1 {
		d.left = append(d.left, deskRest)
	}
	step.Point()
	d.turned = false
	return len(d.left) > 0
}

// bring is Deliver.
func (d *desk) bring(work int) {
	if d.baton.visit() {
		step.Point()
		if len(d.left) == 0 {
			d.baton.leave(d.turn(work))
			return
		}
		d.baton.leave(true)
	}
	step.Point()
	d.left = append(d.left, work)
	d.baton.call()
}

// own is worker.run; rest is taken apart, for the player must not be blocked.
func (d *desk) own(wait func()) {
	for len(d.done) < deskWork {
		for d.turn(-1) {
		}
		d.baton.free()
		for called := false; !called || !d.baton.want(); {
			if step.Point(); len(d.done) == deskWork {
				return
			}
			select {
			case <-d.baton.wake:
				called = true
			default:
				called = false
				wait()
			}
		}
	}
}

func (d *desk) threads() []step.Thread {
	bring := func(first int) step.Thread {
		return func(func()) { d.bring(first); d.bring(first + 1) }
	}
	return []step.Thread{d.own, bring(0), bring(2)}
}

// TestBatonModelEveryInterleaving has two bring two pieces of work each to a
// shard that rests, wakes and works: never two at the same time, nothing lost
// or left, and the order of each kept. A call that is lost leaves the shard's
// own goroutine waiting, which the player reports.
func TestBatonModelEveryInterleaving(t *testing.T) {
	played := step.Explore(t, step.Preemptions, func() ([]step.Thread, func()) {
		d := &desk{t: t, baton: newBaton()}
		return d.threads(), func() {
			at := func(n int) int { return slices.Index(d.done, n) }
			if len(d.done) != deskWork || at(0) < 0 || at(1) < at(0) || at(2) < 0 || at(3) < at(2) || at(deskRest) < 0 {
				t.Errorf("done %v", d.done)
			}
		}
	})
	t.Logf("%d schedules of up to %d preemptions", played, step.Preemptions)
	if played < 1000 {
		t.Errorf("only %d schedules played: the model has lost its steps", played)
	}
}
