package shard

import (
	"strings"
	"testing"
	"time"

	"pitwall/codec"
)

// A device that sends more than its limit is shown at the rate of the limit. Its newest
// position is shown in the end.
func TestDeviceBeyondItsRateIsShownAtTheRate(t *testing.T) {
	x := newTracked(t, Config{DeviceRate: 10, Window: time.Millisecond})
	shown := func() (n int) {
		for _, f := range x.c.screen.all {
			if f.Type == "position" {
				n++
			}
		}
		return n
	}
	for range 10_000 { // 1,000 a second
		x.arrive(x.wall, x.wall)
		x.wait(time.Millisecond)
	}
	if n := shown(); n < 90 || n > 10*10+11+1 {
		t.Errorf("%d positions in 10 s, allowed are 10 a second and a burst of a second", n)
	}
	x.wait(200 * time.Millisecond)
	want(t, "behind when it has paused", x.behind(), 0)
	if s := x.core.Stats(); s.Limited < 9000 {
		t.Errorf("%d of 10,000 are counted as limited", s.Limited)
	}
	want(t, "devices that wait", len(x.core.workers[0].holding), 0)

	x.wait(10 * time.Second) // the token bucket is full again
	n := shown()
	for range 10 {
		x.arrive(x.wall, x.wall)
		x.wait(5 * time.Millisecond)
	}
	want(t, "a burst of ten", shown()-n, 10)
}

// A device with large positions is shown at the rate of its limit in bytes.
func TestDeviceBeyondItsBytesIsShownAtTheRate(t *testing.T) {
	x := newTracked(t, Config{DeviceBytes: 10_000, Window: time.Millisecond})
	heavy := codec.Attributes(`{"a":"` + strings.Repeat("x", 4000) + `"}`)
	bytes := func() uint64 { return x.core.Stats().Bytes }
	for range 1000 { // 10 s
		x.number++
		x.record(codec.Position{DeviceID: "d", TS: x.wall, Arrival: x.wall, Lat: x.number / 100, Attributes: heavy})
		x.wait(10 * time.Millisecond)
	}
	if b := bytes(); b > 10*10_000+2*10_000 {
		t.Errorf("%d bytes in 10 s, allowed are 10,000 a second", b)
	}
	x.wait(time.Second)
	number, _ := x.last()
	want(t, "shown", number, x.number/100)
}

// A position whose attributes exceed the bound is shown without them.
func TestAttributesBeyondTheBoundAreLeftOut(t *testing.T) {
	x := newTracked(t, Config{MaxAttributes: 20})
	x.record(codec.Position{DeviceID: "d", TS: x.wall, Arrival: x.wall, Lat: 1, Attributes: `{"battery":80}`})
	x.record(codec.Position{DeviceID: "d", TS: x.wall + 1, Arrival: x.wall + 1, Lat: 2, Attributes: `{"battery":80,"more":"and more"}`})
	x.wait(time.Second)
	number, _ := x.last()
	want(t, "shown", number, 2.0)
	want(t, "without attributes", x.core.Stats().AttributesTooLong, uint64(1))
	d := x.core.workers[0].devices["d"]
	if strings.Contains(string(d.val.buf), "attributes") {
		t.Errorf("the last value is %s", d.val.buf)
	}
}

// A position that waits for the rate limit is not lost if its device leaves and joins
// meanwhile. It is not shown if the device is corrected. It waits no longer if the device
// is forgotten as an orphan.
func TestWaitingPositionOfAChangedDevice(t *testing.T) {
	flood := func(x *tracked) {
		for range 50 {
			x.arrive(x.wall, x.wall)
			x.pass(time.Millisecond)
		}
	}
	x := newTracked(t, Config{DeviceRate: 10})
	flood(x)
	x.roster(map[string][]string{"e": nil}) // it leaves
	x.roster(map[string][]string{"e": {"d"}})
	x.wait(5 * time.Second)
	want(t, "left and came back: behind", x.behind(), 0)

	x = newTracked(t, Config{DeviceRate: 10})
	flood(x)
	good := codec.Position{DeviceID: "d", TS: x.wall - 10_000, Arrival: x.wall - 10_000, Lat: 77}
	var faulty []Stamp
	for i := range int64(50) {
		faulty = append(faulty, Stamp{TS: x.wall - 1 - i, Arrival: x.wall - 1 - i})
	}
	x.correctAll(Correction{Device: "d", Good: &good, Faulty: faulty})
	x.wait(5 * time.Second)
	number, _ := x.last()
	want(t, "corrected: shown", number, 77.0)

	x = newTracked(t, Config{DeviceRate: 10, MaxOrphans: 1})
	x.roster(map[string][]string{"e": nil})
	flood(x)
	x.send("another", x.wall) // d is forgotten
	x.wait(5 * time.Second)
	want(t, "forgotten: devices that wait", len(x.core.workers[0].holding), 0)
}
