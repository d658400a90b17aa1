//go:build ringmodel

package shard

import (
	"fmt"
	"testing"

	"pitwall/codec"
	"pitwall/shard/internal/step"
)

// recovery is a client whose writer finds several times that the queue is too old, while a
// shard pushes to it.
type recovery struct {
	*client
	t       *testing.T
	last    int64 // ts of the last position
	lags    int   // how often the writer will still find the queue too old
	lost    bool  // the writer has dropped something since the last recovery
	owed    bool  // the flow is open again, and what was dropped has not come yet
	replies int   // that have not come yet
}

// shard applies the last position and carries out what the writer requests, until the
// writer has everything.
func (r *recovery) shard(wait func()) {
	w := r.r.core.workers[0]
	w.turn(<-w.batches)
	for !r.done() {
		if w.inbox.empty() && w.todo == nil {
			wait()
			continue
		}
		w.turn(nil)
		step.Point() // a turn that pushes nothing has no point of its own, and the writer must look again
	}
}

// done reports whether the writer has nothing left to wait for.
func (r *recovery) done() bool {
	return r.lags == 0 && r.replies == 0 && !r.conn.Lagged() && r.screen.seen["event:e"]["a"] == r.last
}

// write is the connection's writer. It gives the connection turns whenever that is in the
// run queue, and otherwise waits.
func (r *recovery) write(wait func()) {
	queue := r.r.core.Queue(0)
	for !r.done() {
		list := takeAll(queue)
		if _, ok := list.Next(); !ok {
			wait()
			continue
		}
		for more := true; more; {
			r.turn()
			if more = r.conn.active().Rest(); more && r.conn.next != nil {
				r.t.Error("the connection is in the run queue and with its writer")
			}
		}
	}
}

// turn takes everything that the connection may have, and recovers.
func (r *recovery) turn() {
	if r.lags > 0 && r.conn.markLagged() {
		r.lags--
	}
	lagged := r.conn.Lagged()
	takeEach(r.conn, func(ch *Chunk) {
		switch {
		case lagged && r.losses.Drop(ch, 0):
			r.lost = true
		case ch.Live() && r.owed:
			r.t.Error("live positions came before what was lost earlier")
			r.show(ch)
		case ch.shard == nil:
			r.replies--
		default:
			r.owed = r.owed && ch.Live()
			r.show(ch)
		}
	})
	if lagged && r.conn.consumer().Recover(&r.losses) {
		r.owed, r.lost = r.lost, false
		// A reply gives the writer one more turn before the shard carries out the recovery.
		r.replies++
		r.conn.Push(NewControl(codec.AppendUnsubscribed(nil, "", TopicName("other"))))
	}
}

// A shard pushes while a writer finds the queue too old and recovers. After a recovery has
// opened the flow again, nothing live comes before what the shard sends for the recovery.
// In the end the newest position is shown, and every update was shown or is counted as left
// out. A lost wake-up would leave the writer waiting, which Explore reports.
func TestRecoveryLosesNothingInAnyInterleaving(t *testing.T) {
	for lags, least := range map[int]int{1: 200, 3: 1000} {
		t.Run(fmt.Sprint(lags), func(t *testing.T) { playRecoveries(t, lags, least) })
	}
}

// playRecoveries makes the writer find the queue too old lags times. It fails if fewer than
// least schedules are played.
func playRecoveries(t *testing.T, lags, least int) {
	const sent = 2
	played := step.Explore(t, step.Preemptions, func() ([]step.Thread, func()) {
		r := newRig(t, Config{Shards: 1})
		r.roster(map[string][]string{"e": {"a"}})
		r.send("a", base)
		r.settle()
		c := &recovery{client: r.client(false), t: t, last: base + sent, lags: lags}
		c.subscribe("e", 0)
		r.settle()
		c.read()
		before := len(c.screen.all)
		for ts := int64(base + 1); ts <= c.last; ts++ { // the last one stays in the inbox
			r.settle()
			r.pass(r.core.Window())
			r.send("a", ts)
		}
		return []step.Thread{c.shard, c.write}, func() {
			updates := uint64(0)
			for _, f := range c.screen.all[before:] {
				if f.Type == "position" {
					updates++
				}
				updates += f.Conflated
			}
			if updates != sent {
				t.Errorf("%d updates were shown or counted as left out, want %d; log %v", updates, sent, c.screen.log)
			}
			if chunks, bytes := c.conn.Queued(); chunks != 0 || bytes != 0 {
				t.Errorf("%d chunks of %d bytes are counted as queued at the end", chunks, bytes)
			}
		}
	})
	t.Logf("%d schedules of up to %d preemptions", played, step.Preemptions)
	if played < least {
		t.Errorf("only %d schedules played: the model has lost its steps", played)
	}
}
