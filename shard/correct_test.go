package shard

import (
	"slices"
	"testing"
	"time"

	"pitwall/codec"
)

// fall is a correction: a device's last good position is from base+good (0:
// there is none), the faulty ones after it, newest first, from base+faulty.
func fall(device string, good int64, faulty ...int64) Correction {
	x := Correction{Device: device}
	for _, ts := range faulty {
		x.Faulty = append(x.Faulty, Stamp{base + ts, base + ts})
	}
	if good > 0 {
		x.Good = &codec.Position{DeviceID: device, TS: base + good, Arrival: base + good, Lat: 1, Lon: 1}
	}
	return x
}

// correct has a device fall back: see fall.
func (r *rig) correct(device string, good int64, faulty ...int64) {
	r.t.Helper()
	r.correctAll(fall(device, good, faulty...))
}

// correctAll has some devices fall back together, in this order.
func (r *rig) correctAll(list ...Correction) {
	r.t.Helper()
	r.correctLater(list...)
	r.settle()
}

// correctLater leaves the corrections to the turns to come.
func (r *rig) correctLater(list ...Correction) {
	r.t.Helper()
	if err := r.core.Correct(endedContext, list); err == nil {
		r.t.Fatal("Correct did not wait for the shards")
	}
}

// at sends positions of a device and lets them be flushed.
func (r *rig) at(device string, times ...int64) {
	r.t.Helper()
	for _, ts := range times {
		r.send(device, base+ts)
		r.settle()
		r.pass(time.Second)
		r.settle()
	}
}

// shows reads and compares what a spectator sees of device d, 0 for nothing.
func (c *client) shows(when string, want int64) {
	c.r.t.Helper()
	c.read()
	got, ok := c.screen.seen["event:e"]["d"]
	if want == 0 {
		if ok {
			c.r.t.Errorf("%s: shows the point of %d, want none; log %v", when, got-base, c.screen.log)
		}
	} else if got != base+want {
		c.r.t.Errorf("%s: shows the point of %d, want %d; log %v", when, got-base, want, c.screen.log)
	}
}

// count counts frames of a reason.
func (c *client) count(reason string) (n int) {
	for _, f := range c.screen.all {
		if f.Type == "snapshot" && f.Reason == reason {
			n++
		}
	}
	return n
}

func correctRig(t *testing.T, cfg Config) *rig {
	r := newRig(t, cfg)
	r.roster(map[string][]string{"e": {"d", "other"}, "f": {"d"}})
	return r
}

func TestCorrectFallsBackAndGoesOn(t *testing.T) {
	r := correctRig(t, Config{})
	all := map[string]*client{"plain": r.client(false), "batch": r.client(true), "interval": r.client(false)}
	for name, c := range all {
		interval := time.Duration(0)
		if name == "interval" {
			interval = time.Second
		}
		c.subscribe("e", interval)
	}
	r.at("d", 1000, 2000, 3000)
	r.at("other", 3000)
	r.send("d", base+4000) // pending when the correction comes
	r.correct("d", 1000, 4000)
	r.pass(2 * time.Second)
	r.settle()
	late := r.subscriber("e", false, 0)
	late.shows("a new subscriber", 1000)
	for name, c := range all {
		c.shows(name+" after the correction", 1000)
		if n := c.count("corrected"); n != 1 {
			t.Errorf("%s got %d corrected frames, want 1; log %v", name, n, c.screen.log)
		}
	}
	r.at("d", 2500) // older than the faulty point, newer than the good one
	r.at("d", 4000) // the faulty point again: the stream was read again
	for name, c := range all {
		c.shows(name+" after a point in between", 2500)
	}
	r.at("d", 5000)
	for name, c := range all {
		c.shows(name+" in the end", 5000)
	}
	late.shows("the new subscriber in the end", 5000)
	if s := r.core.Stats(); s.Corrected != 1 || s.Faulty != 1 {
		t.Errorf("corrected %d and faulty %d, want 1 of each", s.Corrected, s.Faulty)
	}
}

// The archive may be ahead: a trigger that judges positions as they are stored
// marks one that the shard has still to take in.
func TestCorrectionAheadOfItsPosition(t *testing.T) {
	for name, good := range map[string]int64{"after a good one": 1000, "of a device without any": 0} {
		t.Run(name, func(t *testing.T) {
			r := correctRig(t, Config{})
			c := r.client(false)
			c.subscribe("e", 0)
			if good > 0 {
				r.at("d", good)
			} else {
				r.send("d", base+1) // so that the shard knows it
				r.settle()
				r.correct("d", 0, 1)
			}
			r.correct("d", good, 2000)
			r.at("d", 2000)
			c.shows("after the faulty point", good)
			r.at("d", 3000)
			c.shows("in the end", 3000)
			if n := r.core.Stats().Faulty; n != 1 {
				t.Errorf("%d positions were turned away as faulty, want 1", n)
			}
		})
	}
}

func TestCorrectWithoutAGoodPosition(t *testing.T) {
	r := correctRig(t, Config{})
	live, slow := r.client(false), r.client(false)
	live.subscribe("e", 0)
	slow.subscribe("e", 5*time.Second)
	r.at("d", 1000)
	r.pass(5 * time.Second)
	r.settle()
	live.shows("before", 1000)
	slow.shows("before", 1000)
	r.correct("d", 0, 1000)
	live.shows("after", 0)
	slow.shows("after", 0)
	late := r.subscriber("e", false, 0)
	late.shows("a new subscriber", 0)
	for _, c := range []*client{live, slow} {
		last := c.screen.all[len(c.screen.all)-1]
		if last.Type != "roster" || !slices.Equal(last.Added, []string{"d"}) || !slices.Equal(last.Removed, []string{"d"}) {
			t.Errorf("the last frame is %+v, want a roster frame that removes and adds d", last)
		}
	}
	r.at("d", 500)
	r.pass(5 * time.Second)
	r.settle()
	for _, c := range []*client{live, slow, late} {
		c.shows("the next point", 500)
	}
}

func TestCorrectLeavesNewerPointsAlone(t *testing.T) {
	r := correctRig(t, Config{})
	c := r.subscriber("e", false, 0)
	r.at("d", 1000, 2000, 3000)
	r.correct("d", 1000, 2000)     // 3000 is good, the table has not heard of it
	r.correct("d", 3000)           // all is as it was
	r.correct("unknown", 1000, 10) // of no device of ours
	c.shows("a good point after the faulty one", 3000)
	r.correct("d", 4000) // a mark was taken back
	r.pass(time.Second)
	r.settle()
	c.shows("a newer good point", 4000)
	if n := c.count("corrected"); n != 0 {
		t.Errorf("%d corrected frames, want none; log %v", n, c.screen.log)
	}
}

func TestCorrectWithNobodyWatching(t *testing.T) {
	r := correctRig(t, Config{})
	r.at("d", 1000, 2000)
	r.correct("d", 1000, 2000)
	for _, interval := range []time.Duration{0, time.Second} {
		c := r.subscriber("e", false, interval)
		c.shows("a new subscriber", 1000)
	}
}

// TestCorrectReachesThoseWhoLag corrects while a connection is full: what it gets
// afterwards includes the correction, marked as such.
func TestCorrectReachesThoseWhoLag(t *testing.T) {
	for _, interval := range []time.Duration{0, 250 * time.Millisecond} {
		for _, good := range []int64{0, 1000} {
			r := correctRig(t, Config{RingSlots: 4})
			c := r.subscriber("e", false, interval)
			r.at("d", 1000, 5000)
			c.shows("before", 5000)
			for ts := range int64(20) { // nobody reads: the ring fills
				r.at("other", 6000+ts)
			}
			r.correct("d", good, 5000)
			if !c.conn.Lagged() {
				t.Fatal("the connection does not lag")
			}
			r.at("other", 7000)
			c.read()
			r.settle()
			r.pass(time.Second)
			r.settle()
			c.shows("afterwards", good)
			r.at("d", 4000)
			c.shows("a point between", 4000)
		}
	}
}

func TestCorrectEndsWithTheContext(t *testing.T) {
	r := correctRig(t, Config{})
	if err := r.core.Correct(endedContext, nil); err == nil {
		t.Error("no error though no shard runs")
	}
}

// TestTickTellsNoCorrectionTwice: a newer point is pending when an interval ticks. The
// point before it was sent as a correction already.
func TestTickTellsNoCorrectionTwice(t *testing.T) {
	for _, batch := range []bool{false, true} {
		r := correctRig(t, Config{})
		c := r.subscriber("e", batch, Intervals[0])
		r.at("d", 1000, 3000)
		c.shows("before", 3000)
		tick := nextTick(r.now, 0)
		r.pass(time.Duration(tick-r.now) - 50*time.Millisecond)
		r.correct("d", 1000, 3000)
		r.send("d", base+4000)
		r.pass(50 * time.Millisecond)
		r.settle()
		c.shows("at the tick", 1000)
		r.pass(time.Second)
		r.settle()
		c.shows("at the next", 4000)
	}
}

// lagging returns a spectator that shows d's faulty point of 5000 and reads nothing
// after it.
func (r *rig) lagging() *client {
	r.t.Helper()
	c := r.subscriber("e", false, 0)
	r.at("d", 1000, 5000)
	c.shows("before", 5000)
	for ts := range int64(20) { // the ring fills
		r.at("other", 6000+ts)
	}
	return c
}

// recovers has c read on, and compares what it shows of d then.
func (c *client) recovers(want int64) {
	c.r.t.Helper()
	c.read()
	c.r.settle()
	c.r.pass(time.Second)
	c.r.settle()
	c.shows("afterwards", want)
}

// TestRecoveryTellsACorrectionUnderANewerPoint has the first point after a
// correction come before the recovery of those who lag: they still show the
// faulty one, which is newer.
func TestRecoveryTellsACorrectionUnderANewerPoint(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		r := correctRig(t, Config{RingSlots: 4})
		c := r.lagging()
		r.correct("d", 1000, 5000)
		r.send("d", base+4000)
		r.settle()
		if sealed {
			r.pass(time.Second)
			r.settle()
		}
		c.recovers(4000)
	}
}

// TestRecoveryTellsARejoinAsSuch has a device leave, be corrected and join
// again while a connection lags, which shows the faulty point: newer than what
// comes.
func TestRecoveryTellsARejoinAsSuch(t *testing.T) {
	r := correctRig(t, Config{RingSlots: 4})
	c := r.lagging()
	r.roster(map[string][]string{"e": {"other"}, "f": {"d"}})
	r.correct("d", 1000, 5000)
	r.roster(map[string][]string{"e": {"d", "other"}, "f": {"d"}})
	r.pass(time.Second)
	r.settle()
	c.recovers(1000)
}
