package shard

import (
	"testing"

	"pitwall/codec"
)

// A position that a correction names is not shown again when it is read again, in
// whatever order, also after the next correction.
func TestFaultyPositionsAreNotShownAgain(t *testing.T) {
	r := correctRig(t, Config{})
	c := r.subscriber("e", false, 0)
	r.at("d", 1000, 2000, 3000)
	r.correct("d", 1000, 3000, 2000)
	c.shows("after the first correction", 1000)
	r.at("d", 2000, 3000)
	c.shows("after both have come again", 1000)
	r.at("d", 4000)
	r.correct("d", 1000, 4000, 3000, 2000)
	r.at("d", 3000, 2000, 4000)
	c.shows("after all three have come again", 1000)
	want(t, "refused as faulty", r.core.Stats().Faulty, uint64(5))
	r.at("d", 2500)
	c.shows("a good one between them", 2500)
	r.correct("d", 1000, 2500, 4000, 2000) // 3000 is no longer marked
	r.at("d", 3000)
	c.shows("one that is no longer named", 3000)
}

// A faulty position is found by its device time. A device whose clock is ahead is shown
// under another time.
func TestFaultyPositionOfAClockAheadIsRemoved(t *testing.T) {
	const hour = 3_600_000
	r := correctRig(t, Config{})
	c := r.subscriber("e", false, 0)
	r.at("d", 1000)
	ahead := codec.Position{DeviceID: "d", TS: base + 2000 + hour, Arrival: base + 2000, Lat: 2, Lon: 1}
	r.sendPosition(ahead)
	r.settle()
	r.pass(r.core.Window())
	r.settle()
	c.shows("under its arrival", 2000)
	r.correct("d", 1000, 2000) // a row of another time
	c.shows("with another row marked", 2000)
	x := correction("d", 1000)
	x.Faulty = []Stamp{{base + 2000 + hour, base + 2000}}
	r.correctAll(x)
	c.shows("with its row marked", 1000)
	r.sendPosition(ahead)
	r.at("d", 2000) // the same live time, but another row
	c.shows("another row of that arrival", 2000)
}

// The archive may be ahead of a shard, which does not know the device yet.
func TestCorrectionOfAnUnknownDeviceIsRemembered(t *testing.T) {
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
		t.Errorf("a device without positions is shown at %d", at-base)
	}
	r.correct("nobody", 0, 1000)
	if r.core.workers[r.core.ShardOf("nobody")].devices["nobody"] != nil {
		t.Error("a correction has created a device that is in no event")
	}
}

// If more positions are faulty than a correction names, the others are not shown
// either. The good one and newer ones are shown.
func TestFaultyPositionsBeyondTheNamedOnesAreNotShown(t *testing.T) {
	r := correctRig(t, Config{})
	c := r.client(false)
	c.subscribe("e", 0)
	var named []int64
	r.at("d", 1000)
	for i := range int64(MaxFaulty + 30) {
		r.at("d", 2000+10*i)
		named = append([]int64{2000 + 10*i}, named...)
	}
	x := correction("d", 1000, named[:MaxFaulty]...)
	r.correctAll(x)
	c.shows("after the correction", 1000)
	for _, ts := range named {
		r.at("d", ts)
	}
	c.shows("after all have come again", 1000)
	r.at("d", named[0]+5)
	c.shows("after a newer one", named[0]+5)
	// The position on the screen may be one of those that are not named.
	s := correctRig(t, Config{})
	late := s.client(false)
	late.subscribe("e", 0)
	s.at("d", 1000, 2000)
	s.correctAll(x)
	late.shows("after the correction of one that is not named", 1000)
}
