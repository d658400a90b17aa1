package shard

import (
	"testing"

	"pitwall/codec"
)

// No position that a correction names is shown again, whichever of them is read again
// and in whatever order, also after the next correction.
func TestFaultyPositionsStayAway(t *testing.T) {
	r := correctRig(t, Config{})
	c := r.client(false)
	c.subscribe("e", 0)
	r.at("d", 1000, 2000, 3000)
	r.correct("d", 1000, 3000, 2000)
	c.shows("after the first correction", 1000)
	r.at("d", 2000, 3000)
	c.shows("after both have come again", 1000)
	r.at("d", 4000)
	r.correct("d", 1000, 4000, 3000, 2000)
	r.at("d", 3000, 2000, 4000)
	c.shows("after all three have come again", 1000)
	want(t, "turned away as faulty", r.core.Stats().Faulty, uint64(5))
	r.at("d", 2500)
	c.shows("a good one between them", 2500)
	r.correct("d", 1000, 2500, 4000, 2000) // the mark of 3000 was taken back
	r.at("d", 3000)
	c.shows("one that is no longer named", 3000)
}

// Whether what is shown is faulty is decided by its own time: a device whose
// clock runs ahead is shown under another.
func TestFaultyPositionOfAClockAhead(t *testing.T) {
	const hour = 3_600_000
	r := correctRig(t, Config{})
	c := r.client(false)
	c.subscribe("e", 0)
	r.at("d", 1000)
	ahead := codec.Position{DeviceID: "d", TS: base + 2000 + hour, Arrival: base + 2000, Lat: 2, Lon: 1}
	r.sendPosition(ahead)
	r.settle()
	r.pass(r.core.Window())
	r.settle()
	c.shows("under its arrival", 2000)
	r.correct("d", 1000, 2000) // a row of another time
	c.shows("with another row marked", 2000)
	x := fall("d", 1000)
	x.Faulty = []Stamp{{base + 2000 + hour, base + 2000}}
	r.correctAll(x)
	c.shows("with its row marked", 1000)
	r.sendPosition(ahead)
	r.at("d", 2000) // the same live time, but another row
	c.shows("another row of that arrival", 2000)
}

// The archive may be ahead of a shard that has not heard of the device at all.
func TestCorrectionOfADeviceNotHeardOf(t *testing.T) {
	r := correctRig(t, Config{})
	c := r.client(false)
	c.subscribe("e", 0)
	r.correct("d", 0, 2000, 1000)
	r.at("d", 1000, 2000)
	c.shows("after its faulty positions", 0)
	r.at("d", 3000)
	c.shows("after a good one", 3000)
	r.correct("other", 1000, 2000)
	if at, ok := c.screen.seen["event:e"]["other"]; ok {
		t.Errorf("shown of a device that was never heard of: %d", at-base)
	}
	r.correct("nobody", 0, 1000)
	if r.core.workers[r.core.ShardOf("nobody")].devices["nobody"] != nil {
		t.Error("a device of no event is kept for a correction")
	}
}

// More positions are faulty than a correction names: none of the others is
// shown, and the good one and what is newer are.
func TestMoreFaultyThanNamed(t *testing.T) {
	r := correctRig(t, Config{})
	c := r.client(false)
	c.subscribe("e", 0)
	var named []int64
	r.at("d", 1000)
	for i := range int64(MaxFaulty + 30) {
		r.at("d", 2000+10*i)
		named = append([]int64{2000 + 10*i}, named...)
	}
	x := fall("d", 1000, named[:MaxFaulty]...)
	r.correctAll(x)
	c.shows("after the correction", 1000)
	for _, ts := range named {
		r.at("d", ts)
	}
	c.shows("after all have come again", 1000)
	r.at("d", named[0]+5)
	c.shows("after a newer one", named[0]+5)
	// What is shown may be one of those that are not named.
	s := correctRig(t, Config{})
	late := s.client(false)
	late.subscribe("e", 0)
	s.at("d", 1000, 2000)
	s.correctAll(x)
	late.shows("after the correction of one that is not named", 1000)
}
