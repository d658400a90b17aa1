package shard

import (
	"testing"
	"time"
)

// Three devices are corrected by one command. A connection with an interval lags after the
// next tick, while the corrections are still in its queue. Its recovery must send all of
// them again.
func TestRecoverySendsAllCorrectionsAgain(t *testing.T) {
	for _, gone := range []bool{false, true} { // b has no good position
		r := newRig(t, Config{Shards: 1})
		r.roster(map[string][]string{"e": {"a", "b", "c"}})
		c := r.client(true)
		c.subscribe("e", Intervals[0])
		for _, ts := range []int64{1000, 2000} {
			for _, d := range []string{"a", "b", "c"} {
				r.send(d, base+ts)
			}
			r.pass(time.Second)
			r.settle()
		}
		r.pass(time.Second)
		r.settle()
		c.read()
		b, shown := correction("b", 1000, 2000), map[string]int64{"a": base + 1000, "b": base + 1000, "c": base + 1000}
		if gone {
			b.Good = nil
			delete(shown, "b")
		}
		r.correctAll(correction("a", 1000, 2000), b, correction("c", 1000, 2000))
		r.pass(time.Second) // a tick, which has nothing to send
		r.settle()
		c.conn.markLagged()
		for range 3 {
			c.read()
			r.pass(time.Second)
			r.settle()
		}
		want(t, "the screen", c.screen.seen["event:e"], shown)
	}
}

// A lagged connection misses a correction. The device sends a position that is older than
// the one on the screen, and leaves, or leaves and joins again, all before the next seal.
func TestRecoveryAfterACorrectionAndALeave(t *testing.T) {
	for _, back := range []bool{false, true} {
		r := correctRig(t, Config{RingSlots: 4})
		c := r.laggedClient()
		r.correct("d", 1000, 5000)
		r.send("d", base+4000)
		r.settle()
		r.roster(map[string][]string{"e": {"other"}, "f": {"d"}})
		at := int64(0)
		if back {
			r.roster(map[string][]string{"e": {"d", "other"}, "f": {"d"}})
			at = 4000
		}
		c.showsAfterRecovery(at) // the screen fails the test if d goes back in time
	}
}

// A device leaves while a position of it is pending. A new subscriber must not get that
// position, and must get all positions of the other devices.
func TestNewSubscriberIsNotShownADeviceThatLeft(t *testing.T) {
	for _, batch := range []bool{false, true} {
		r := newRig(t, Config{Shards: 1})
		r.roster(map[string][]string{"e": {"a", "b"}})
		first := r.subscriber("e", batch, 0)
		r.send("b", base) // the window begins
		r.settle()
		r.send("a", base+1)
		r.send("b", base+1)
		r.settle()
		r.roster(map[string][]string{"e": {"b"}})
		late := r.subscriber("e", batch, 0)
		r.send("b", base+2)
		r.pass(r.core.Window())
		r.settle()
		for _, c := range []*client{first, late} {
			c.read()
			want(t, "the screen", c.screen.seen["event:e"], map[string]int64{"b": base + 2})
		}
		for _, f := range late.screen.all {
			for _, p := range append(f.Positions, f.point) {
				if p.DeviceID == "a" {
					t.Errorf("batch %v: shown %s@%d, which had left; log %v", batch, p.DeviceID, p.TS, late.screen.log)
				}
			}
		}
	}
}
