package shard

import (
	"testing"
	"time"
)

// Nothing live may come before what it depends on: a recovery, or a tick that is not
// finished.

// TestNothingLiveOvertakesARecovery: a writer requests the recovery in the middle of a
// shard's turn, after the shard has read its inbox and before it seals the first position
// after a correction. The screen still shows the faulty position, which is newer. If the
// live flow came first, the device would go back in time without a corrected frame.
func TestNothingLiveOvertakesARecovery(t *testing.T) {
	r := correctRig(t, Config{Shards: 1, RingSlots: 4})
	c := r.laggedClient()
	r.correct("d", 1000, 5000)
	r.send("d", base+4000) // pending: the correction was sealed now
	r.turn(0)
	if !c.conn.Lagged() {
		t.Fatal("the connection does not lag")
	}
	r.pass(time.Second) // the position is due
	requested := false
	topic, _ := r.core.Watch("f")
	r.core.Subscribe(r.client(false).conn, topic, 0, func() {
		c.recover()
		requested = c.conn.recovering.Load() && !c.conn.Lagged()
	})
	r.core.workers[0].turn(nil)
	if !requested || !c.conn.recovering.Load() {
		t.Fatal("the shard has carried the recovery out already")
	}
	c.showsAfterRecovery(4000)
}

// fourClients returns four clients of event e, three of them with an interval. The shard
// pushes to one of them per turn.
func (r *rig) fourClients() (all []*client) {
	r.core.slice = 1
	for i := range 4 {
		c := r.client(i%2 == 0)
		c.subscribe("e", Intervals[0]*time.Duration(min(i, 1)))
		all = append(all, c)
	}
	r.settle()
	return all
}

// beginTick lets time pass until the next tick, and begins it. Shortly before, it sends
// positions, given as device, time, device, time...: the first is sealed at once.
func (r *rig) beginTick(positions ...any) {
	r.t.Helper()
	const before = 20 * time.Millisecond // less than a window
	r.pass(time.Duration(nextTick(r.now, 0)-r.now) - before)
	for i := 0; i < len(positions); i += 2 {
		r.send(positions[i].(string), base+int64(positions[i+1].(int)))
		r.settle()
	}
	r.pass(before)
	w := r.core.workers[0]
	w.turn(nil)
	if len(w.broadcasts) != 1 || w.broadcasts[0].broadcast.chunk != nil {
		r.t.Fatalf("%d broadcasts are under way, want that of the tick", len(w.broadcasts))
	}
}

// A correction comes when only some subscribers have had a tick. The tick of the others
// must not include it: neither the good position of one device before the removal of
// another that has none, nor a good position that an earlier correction has already sent.
func TestTickOmitsLaterCorrections(t *testing.T) {
	t.Run("of two devices", func(t *testing.T) {
		r := correctRig(t, Config{Shards: 1})
		clients := r.fourClients()
		r.at("other", 1000)
		r.at("d", 2000)
		r.beginTick("d", 3000)
		r.correctAll(correction("other", 0, 1000), correction("d", 1000, 3000))
		for _, c := range clients {
			c.shows("after the correction", 1000)
		}
	})
	t.Run("the second", func(t *testing.T) {
		r := correctRig(t, Config{Shards: 1})
		clients := r.fourClients()
		r.at("d", 1000, 3000)
		for _, c := range clients {
			c.shows("before", 3000)
		}
		r.pass(time.Duration(nextTick(r.now, 0) - r.now))
		r.settle()
		r.correct("d", 1000, 3000)
		r.beginTick("other", 1000, "d", 2000) // the second is pending
		r.correct("d", 500, 2000)
		for _, c := range clients {
			c.shows("after the second correction", 500)
		}
	})
}
