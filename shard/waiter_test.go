package shard

import (
	"slices"
	"testing"
	"time"

	"pitwall/codec"
)

// reportAtOnce applies positions of all devices in one turn and seals them in the next.
func (x *sliced) reportAtOnce() {
	x.ts += 10
	b := x.core.AcquireBatch()
	for _, id := range x.ids {
		b.Positions = append(b.Positions, codec.Position{DeviceID: id, TS: base + x.ts, Arrival: base + x.ts, Lat: 1, Lon: 2})
	}
	x.w.turn(b)
	x.pass(200 * time.Millisecond)
	x.w.turn(nil)
}

// A subscription that has newer positions than an unfinished build does not wait for that
// build, although it reaches back far enough.
func TestSubscriptionDoesNotJoinAnOlderBuild(t *testing.T) {
	x := newSliced(t, slicedClients["plain"], buildBounds{devices: 1, copied: 1 << 20, compressed: 1 << 20, moved: 1 << 20, serves: 1})
	x.watch(0)
	x.c.conn.markLagged()
	x.report()
	x.lose()
	x.w.turn(nil)
	first := x.w.oldestBuild(x.p)
	if first == nil {
		t.Fatal("no build has begun")
	}
	x.reportAtOnce()
	x.fast.read()
	x.fast.conn.markLagged()
	for range 4 {
		x.reportAtOnce()
	}
	x.fast.read()
	x.w.turn(nil)
	if x.w.oldestBuild(x.p) != first || first.waiting != [2]int{1, 0} {
		t.Fatalf("the first build has ended, or another subscription waits for it: %v", first.waiting)
	}
	want(t, "builds", len(x.w.builds), 2)
	x.end()
	want(t, "in the end", x.fast.screen.seen, x.c.screen.seen)
}

// A subscription is renewed on one shard while another still builds its first snapshot. It
// begins again on both.
func TestRenewalBeforeTheFirstSnapshotRestartsBothShards(t *testing.T) {
	for name, interval := range map[string]time.Duration{"live": 0, "interval": time.Second} {
		for turns := range 8 { // of the slow shard before it gets the renewal
			r := newRig(t, Config{Shards: 2})
			var heavy, light []string
			for _, id := range numbered("d", 60) {
				if r.core.ShardOf(id) == 0 {
					heavy = append(heavy, id)
				} else if len(light) < 3 {
					light = append(light, id)
				}
			}
			ids := slices.Concat(heavy, light)
			r.roster(map[string][]string{"e": ids})
			r.sendAll(ids, base+10)
			r.settle()
			r.core.building.devices = 5
			c := r.client(false)
			p := c.subscribe("e", interval).shards[1]
			other := r.client(false) // waits for the same build, so that it is not dropped
			other.subscribe("e", 0)
			r.core.workers[0].turn(nil)
			r.turn(1)
			if !c.busy || !other.busy || c.conn.subOf(p) == nil {
				t.Fatal("want a subscription that only one shard has finished")
			}
			c.read()
			c.conn.markLagged()
			r.sendAll(light, base+20)
			r.pass(2 * time.Second)
			r.turn(1)
			p.roster.completeSince = p.seq
			c.read()
			r.core.workers[0].turn(nil)
			r.turn(1)
			p.roster.completeSince = 0
			for range turns {
				r.core.workers[0].turn(nil)
			}
			r.turn(1) // stops it too, so that the slow shard renews it during the build
			r.core.workers[0].turn(nil)
			for range 3 {
				r.settle()
				c.read()
				r.pass(2 * time.Second)
			}
			subs := 0
			for s := c.conn.subs[0]; s != nil && subs < 2; s = s.next {
				subs++
			}
			want(t, name+": subscriptions", subs, 1)
			want(t, name+": renewed", c.screen.renewed["event:e"], true)
			want(t, name+": a command or a recovery is unfinished", c.busy || c.conn.recovering.Load(), false)
			want(t, name+": parts", c.screen.parts["event:e"], 2)
			want(t, name+": devices shown", len(c.screen.seen["event:e"]), len(ids))
			r.sendAll(ids, base+30)
			for range 3 {
				r.pass(2 * time.Second)
				r.settle()
				c.read()
			}
			for _, id := range ids {
				want(t, name+": "+id, c.screen.seen["event:e"][id], int64(base+30))
			}
		}
	}
}
