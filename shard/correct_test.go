package shard

import (
	"slices"
	"testing"
	"time"

	"pitwall/codec"
)

// correction returns a correction of a device. Its last good position has the time
// base+good (0: it has none). The faulty ones after it have the times base+faulty, newest
// first.
func correction(device string, good int64, faulty ...int64) Correction {
	x := Correction{Device: device}
	for _, ts := range faulty {
		x.Faulty = append(x.Faulty, Stamp{base + ts, base + ts})
	}
	if good > 0 {
		x.Good = &codec.Position{DeviceID: device, TS: base + good, Arrival: base + good, Lat: 1, Lon: 1}
	}
	return x
}

// correct applies a correction: see correction.
func (r *rig) correct(device string, good int64, faulty ...int64) {
	r.t.Helper()
	r.correctAll(correction(device, good, faulty...))
}

// correctAll applies some corrections with one command, in this order.
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

// at sends positions of a device, and waits for the flush after each.
func (r *rig) at(device string, times ...int64) {
	r.t.Helper()
	for _, ts := range times {
		r.send(device, base+ts)
		r.settle()
		r.pass(time.Second)
		r.settle()
	}
}

// shows reads, and compares the time after base at which d is shown, 0 for not at all.
func (c *client) shows(when string, want int64) {
	c.r.t.Helper()
	c.read()
	got, ok := c.screen.seen["event:e"]["d"]
	if want == 0 {
		if ok {
			c.r.t.Errorf("%s: shows the position of %d, want none; log %v", when, got-base, c.screen.log)
		}
	} else if got != base+want {
		c.r.t.Errorf("%s: shows the position of %d, want %d; log %v", when, got-base, want, c.screen.log)
	}
}

// count counts the snapshot frames with a reason.
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

func TestCorrectionShowsTheGoodPositionAndThenNewerOnes(t *testing.T) {
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
	r.at("d", 2500) // older than the faulty position, newer than the good one
	r.at("d", 4000) // the faulty position: the stream was read again
	for name, c := range all {
		c.shows(name+" after a position in between", 2500)
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

// The archive may be ahead: a database trigger can mark a position that the shard has not
// applied yet.
func TestCorrectionBeforeItsPositionIsRemembered(t *testing.T) {
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
			c.shows("after the faulty position", good)
			r.at("d", 3000)
			c.shows("in the end", 3000)
			if n := r.core.Stats().Faulty; n != 1 {
				t.Errorf("%d positions were refused as faulty, want 1", n)
			}
		})
	}
}

func TestCorrectionWithoutAGoodPositionRemovesTheDot(t *testing.T) {
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
		c.shows("the next position", 500)
	}
}

func TestCorrectionKeepsNewerPositions(t *testing.T) {
	r := correctRig(t, Config{})
	c := r.subscriber("e", false, 0)
	r.at("d", 1000, 2000, 3000)
	r.correct("d", 1000, 2000)     // 3000 is good, and not in the table yet
	r.correct("d", 3000)           // nothing changes
	r.correct("unknown", 1000, 10) // of a device that is in no event
	c.shows("a good position after the faulty one", 3000)
	r.correct("d", 4000) // a mark was removed
	r.pass(time.Second)
	r.settle()
	c.shows("a newer good position", 4000)
	if n := c.count("corrected"); n != 0 {
		t.Errorf("%d corrected frames, want none; log %v", n, c.screen.log)
	}
}

func TestCorrectionWithoutSubscribersIsInTheNextSnapshot(t *testing.T) {
	r := correctRig(t, Config{})
	r.at("d", 1000, 2000)
	r.correct("d", 1000, 2000)
	for _, interval := range []time.Duration{0, time.Second} {
		c := r.subscriber("e", false, interval)
		c.shows("a new subscriber", 1000)
	}
}

// A device is corrected while the queue of a connection is full. What the connection gets
// later includes the correction, in a corrected frame.
func TestCorrectionReachesLaggedConnections(t *testing.T) {
	for _, interval := range []time.Duration{0, 250 * time.Millisecond} {
		for _, good := range []int64{0, 1000} {
			r := correctRig(t, Config{RingSlots: 4})
			c := r.subscriber("e", false, interval)
			r.at("d", 1000, 5000)
			c.shows("before", 5000)
			for ts := range int64(20) { // the ring becomes full
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
			c.shows("a position in between", 4000)
		}
	}
}

func TestCorrectEndsWithTheContext(t *testing.T) {
	r := correctRig(t, Config{})
	if err := r.core.Correct(endedContext, nil); err == nil {
		t.Error("no error, although no shard runs")
	}
}

// A newer position is pending when an interval ticks. The position before it has been sent
// as a correction already, and the tick does not send it again.
func TestTickSendsNoCorrectionTwice(t *testing.T) {
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

// laggedClient returns a client that has lagged and shows d's faulty position of 5000.
func (r *rig) laggedClient() *client {
	r.t.Helper()
	c := r.subscriber("e", false, 0)
	r.at("d", 1000, 5000)
	c.shows("before", 5000)
	for ts := range int64(20) { // the ring becomes full
		r.at("other", 6000+ts)
	}
	return c
}

// showsAfterRecovery makes c recover, and compares the time after base at which d is shown.
func (c *client) showsAfterRecovery(want int64) {
	c.r.t.Helper()
	c.read()
	c.r.settle()
	c.r.pass(time.Second)
	c.r.settle()
	c.shows("afterwards", want)
}

// The first position after a correction comes before a lagged connection recovers. The
// connection still shows the faulty position, which is newer.
func TestRecoveryAfterACorrectionGoesBackInTime(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		r := correctRig(t, Config{RingSlots: 4})
		c := r.laggedClient()
		r.correct("d", 1000, 5000)
		r.send("d", base+4000)
		r.settle()
		if sealed {
			r.pass(time.Second)
			r.settle()
		}
		c.showsAfterRecovery(4000)
	}
}

// A device leaves, is corrected and joins again while a connection lags, which shows the
// faulty position. That is newer than the one that comes.
func TestRecoveryAfterACorrectionAndARejoinGoesBackInTime(t *testing.T) {
	r := correctRig(t, Config{RingSlots: 4})
	c := r.laggedClient()
	r.roster(map[string][]string{"e": {"other"}, "f": {"d"}})
	r.correct("d", 1000, 5000)
	r.roster(map[string][]string{"e": {"d", "other"}, "f": {"d"}})
	r.pass(time.Second)
	r.settle()
	c.showsAfterRecovery(1000)
}
