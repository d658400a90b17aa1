//go:build ringmodel

package shard

import (
	"slices"
	"testing"

	"pitwall/shard/internal/step"
)

// shardModel is a shard as turnOwnership sees it: work is left in its inbox, or done
// in a reader's turn, one turn at a time.
type shardModel struct {
	t      *testing.T
	turns  turnOwnership
	left   []int // the inbox; one step is one access
	done   []int
	turned bool // a turn is under way
}

// modelWork is the number of pieces of work. Piece 1 leaves another one, modelRest,
// which nobody brings.
const modelWork, modelRest = 5, 4

// turn does the piece that is brought, otherwise the first of the inbox, and reports
// whether more is left.
func (d *shardModel) turn(brought int) (more bool) {
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
		d.left = append(d.left, modelRest)
	}
	step.Point()
	d.turned = false
	return len(d.left) > 0
}

// bring is Deliver.
func (d *shardModel) bring(work int) {
	if d.turns.tryAcquire() {
		step.Point()
		if len(d.left) == 0 {
			d.turns.release(d.turn(work))
			return
		}
		d.turns.release(true)
	}
	step.Point()
	d.left = append(d.left, work)
	d.turns.notifyShard()
}

// own is worker.run. It has the steps of awaitTurn one by one, because a thread of a
// model must not block.
func (d *shardModel) own(wait func()) {
	for len(d.done) < modelWork {
		for d.turn(-1) {
		}
		d.turns.giveUp()
		for notified := false; !notified || !d.turns.request(); {
			if step.Point(); len(d.done) == modelWork {
				return
			}
			select {
			case <-d.turns.wake:
				notified = true
			default:
				notified = false
				wait()
			}
		}
	}
}

func (d *shardModel) threads() []step.Thread {
	bring := func(first int) step.Thread {
		return func(func()) { d.bring(first); d.bring(first + 1) }
	}
	return []step.Thread{d.own, bring(0), bring(2)}
}

// TestTurnModelEveryInterleaving has two readers bring two pieces of work each to a
// shard that sleeps, wakes and works: never two turns at the same time, nothing lost
// or left, and the order of each reader kept. A lost notification leaves the shard's
// own goroutine waiting, which Explore reports.
func TestTurnModelEveryInterleaving(t *testing.T) {
	played := step.Explore(t, step.Preemptions, func() ([]step.Thread, func()) {
		d := &shardModel{t: t, turns: newTurnOwnership()}
		return d.threads(), func() {
			at := func(n int) int { return slices.Index(d.done, n) }
			if len(d.done) != modelWork || at(0) < 0 || at(1) < at(0) || at(2) < 0 || at(3) < at(2) || at(modelRest) < 0 {
				t.Errorf("done %v", d.done)
			}
		}
	})
	t.Logf("%d schedules of up to %d preemptions", played, step.Preemptions)
	if played < 1000 {
		t.Errorf("only %d schedules played: the model has lost its steps", played)
	}
}
