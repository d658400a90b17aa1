//go:build ringmodel

package shard

import (
	"fmt"
	"testing"

	"pitwall/codec"
	"pitwall/shard/internal/step"
)

// recovery is a connection whose queue its writer finds too old, several times, while
// a shard pushes to it.
type recovery struct {
	*client
	t    *testing.T
	last int64 // ts of the last position
	lags int   // how often the writer is still to find it too old
	lost bool  // the writer has dropped something since the last recovery
	owed bool  // the flow is open again, and what was dropped has not come yet
	wait int   // replies that have not come yet
}

// shard takes in the last position and carries out what the writer asks for, until
// the writer has everything.
func (r *recovery) shard(wait func()) {
	w := r.r.core.workers[0]
	w.turn(<-w.batches)
	for !r.level() {
		if w.inbox.empty() && w.todo == nil {
			wait()
			continue
		}
		w.turn(nil)
		step.Point() // a turn that pushes nothing has no point of its own, and the writer is to look again
	}
}

// level reports whether the writer has nothing left to wait for.
func (r *recovery) level() bool {
	return r.lags == 0 && r.wait == 0 && !r.conn.Lagged() && r.screen.seen["event:e"]["a"] == r.last
}

// write is the connection's writer. It has a turn while it has the connection, and
// otherwise waits until the connection is in the run queue.
func (r *recovery) write(wait func()) {
	queue := r.r.core.Queue(0)
	for !r.level() {
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
			r.wait--
		default:
			r.owed = r.owed && ch.Live()
			r.show(ch)
		}
	})
	if lagged && r.conn.consumer().Recover(&r.losses) {
		r.owed, r.lost = r.lost, false
		// A reply gives the writer one more turn while the recovery is with the
		// shard.
		r.wait++
		r.conn.Push(NewControl(codec.AppendUnsubscribed(nil, "", TopicName("other"))))
	}
}

// TestRecoveryModelEveryInterleaving plays a shard that pushes against a writer
// that finds the queue too old and recovers: after a recovery has opened the
// flow, nothing live comes before what the shard sends for it, the newest
// position is shown in the end, and every update was shown or is counted as left
// out. A lost wake-up leaves the writer waiting, which Explore
// reports.
func TestRecoveryModelEveryInterleaving(t *testing.T) {
	for lags, least := range map[int]int{1: 200, 3: 1000} {
		t.Run(fmt.Sprint(lags), func(t *testing.T) { playRecoveries(t, lags, least) })
	}
}

// playRecoveries has the writer find the queue too old so many times. At least least
// schedules must be played.
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
		for ts := int64(base + 1); ts <= c.last; ts++ { // the last one is not taken in yet
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
