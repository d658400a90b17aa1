//go:build ringmodel

package shard

import (
	"slices"
	"testing"

	"pitwall/shard/internal/step"
)

// shardModel is a model of a shard and its turnOwnership. Work is put into the inbox or done
// in a reader's turn. There is one turn at a time.
type shardModel struct {
	t      *testing.T
	turns  turnOwnership
	inbox  []int // one step is one access
	done   []int
	inTurn bool
}

// modelWork is the number of pieces of work. Piece 1 adds another one, modelRest, which no
// reader brings.
const modelWork, modelRest = 5, 4

// turn does the piece that a reader brings, or else the first in the inbox. It reports
// whether the inbox has more.
func (d *shardModel) turn(brought int) (more bool) {
	if d.inTurn {
		d.t.Error("two turns at the same time")
	}
	d.inTurn = true
	step.Point()
	if brought < 0 && len(d.inbox) > 0 {
		brought, d.inbox = d.inbox[0], d.inbox[1:]
	}
	if brought >= 0 {
		d.done = append(d.done, brought)
	}
	if brought == 1 {
		d.inbox = append(d.inbox, modelRest)
	}
	step.Point()
	d.inTurn = false
	return len(d.inbox) > 0
}

// bring models Deliver.
func (d *shardModel) bring(work int) {
	if d.turns.tryAcquire() {
		step.Point()
		if len(d.inbox) == 0 {
			d.turns.release(d.turn(work))
			return
		}
		d.turns.release(true)
	}
	step.Point()
	d.inbox = append(d.inbox, work)
	d.turns.notifyShard()
}

// own models worker.run. It has the steps of awaitTurn one by one, because a thread of a
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

// Two readers bring two pieces of work each to a shard that sleeps, wakes and works. There
// are never two turns at the same time, all work is done once, and the work of each reader
// in its order. A lost notification would leave the shard's own goroutine waiting, which
// Explore reports.
func TestTurnsLoseNoWorkInAnyInterleaving(t *testing.T) {
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
