package shard

import (
	"math/rand/v2"
	"testing"
	"time"

	"pitwall/codec"
)

const (
	minute = 60_000 // ms
	hour   = 60 * minute
	years  = 1024 * 7 * 24 * hour // a rollover of the GPS week
)

// run publishes a position a second. The device's clock is off by a number of ms.
func (x *tracked) run(seconds int, off int64) {
	for range seconds {
		x.arrive(x.wall+off, x.wall)
		x.wait(time.Second)
	}
}

// behind returns by how many positions the screen is behind the device.
func (x *tracked) behind() int {
	number, _ := x.last()
	return int(x.number - number)
}

// A clock that falls back and goes on from there is recognised within two minutes, and
// reported. The device is shown by its arrival until the clock is right again.
func TestFallenClockIsRecognisedAndReported(t *testing.T) {
	for name, off := range map[string]int64{"11 minutes": -11 * minute, "hours": -5 * hour, "years": -years} {
		t.Run(name, func(t *testing.T) {
			var reported []Clock
			x := newTracked(t, Config{ClockChanged: func(c Clock) { reported = append(reported, c) }})
			x.run(10, 0)
			fell := x.wall
			x.run(59, off)
			want(t, "behind after 59 s", x.behind(), 59)
			x.run(10, off)
			want(t, "behind after 69 s", x.behind(), 0)
			_, ts := x.last()
			want(t, "dated by its arrival", ts, x.wall-1000)
			want(t, "reported", reported, []Clock{{Device: "d", Since: fell, Offset: off}})
			for range 5 {
				x.run(10, off)
				want(t, "behind while it is known", x.behind(), 0)
			}
			right := x.wall
			x.run(1, 0)
			want(t, "behind when it is right again", x.behind(), 0)
			want(t, "reported", reported[1:], []Clock{{Device: "d", Since: right}})
			x.run(5, 0)
			want(t, "behind", x.behind(), 0)
			if s := x.core.Stats(); s.FallenClocks != 1 || s.Fallen < 50 {
				t.Errorf("counted %d falls and %d records, want 1 and at least 50", s.FallenClocks, s.Fallen)
			}
		})
	}
}

// Positions that a device stored without a connection are uploaded at once, or faster or
// slower than they were stored, or between current positions. The device does not go back
// in time, and its clock is not taken for fallen.
func TestBufferedUploadIsNotAFallenClock(t *testing.T) {
	for name, play := range map[string]func(x *tracked){
		"at once": func(x *tracked) {
			for i := range int64(1800) {
				x.arrive(x.wall-hour+i*1000, x.wall)
			}
		},
		"faster than it was stored": func(x *tracked) {
			from := x.wall - hour
			for i := range int64(300) { // twice as fast
				x.arrive(from+i*2000, x.wall)
				x.wait(time.Second)
			}
		},
		"slower than it was stored": func(x *tracked) {
			from := x.wall - hour
			for i := range int64(300) {
				x.arrive(from+i*500, x.wall)
				x.wait(time.Second)
			}
		},
		"between current ones": func(x *tracked) {
			from := x.wall - hour
			for i := range int64(300) {
				x.arrive(from+i*1000, x.wall)
				x.wait(500 * time.Millisecond)
				x.arrive(x.wall, x.wall)
				x.wait(500 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTracked(t, Config{ClockChanged: func(c Clock) { t.Errorf("taken for a fallen clock: %+v", c) }})
			x.run(5, 0)
			_, before := x.last()
			play(x)
			if _, ts := x.last(); ts < before {
				t.Errorf("the device went back by %d ms", before-ts)
			}
			want(t, "fallen", x.core.Stats().Fallen, uint64(0))
		})
	}
}

// A clock counts as fallen after a minute and five records, not before.
func TestFallenClockNeedsAMinuteAndFiveRecords(t *testing.T) {
	x := newTracked(t, Config{})
	x.run(3, 0)
	for i := range 6 { // every 13 s
		if i == 5 {
			want(t, "after 52 s", x.behind(), 5)
		}
		x.arrive(x.wall-hour, x.wall)
		x.wait(13 * time.Second)
	}
	want(t, "after 65 s and six records", x.behind(), 0)

	x = newTracked(t, Config{})
	x.run(3, 0)
	for i := range 5 { // every 30 s: the minute is over before the fifth record
		want(t, "records", x.behind(), i)
		x.arrive(x.wall-hour, x.wall)
		x.wait(30 * time.Second)
	}
	want(t, "the fifth", x.behind(), 0)
}

// A new process knows the fallen clocks that were stored.
func TestFallenClockIsRestored(t *testing.T) {
	x := newTracked(t, Config{})
	const off = -5 * hour
	_ = x.core.RestoreClocks(endedContext, []Clock{{Device: "d", Since: x.wall - hour, Offset: off}})
	x.settle()
	b := x.core.AcquireBatch()
	b.Warm = true
	b.Positions = append(b.Positions,
		codec.Position{DeviceID: "d", TS: x.wall + off - 1000, Arrival: x.wall - 1000, Lat: 2}, // newest first
		codec.Position{DeviceID: "d", TS: x.wall + off - 2000, Arrival: x.wall - 2000, Lat: 1},
		codec.Position{DeviceID: "d", TS: x.wall - hour, Arrival: x.wall - hour, Lat: 0.5}, // before it fell
	)
	if err := x.core.Deliver(t.Context(), 0, b); err != nil {
		t.Fatal(err)
	}
	x.wait(time.Second)
	x.number = 2
	x.wantNewest("warm", x.wall-2000)
	x.run(1, off)
	want(t, "behind", x.behind(), 0)

	// Positions that it has stored meanwhile are dated by its wrong clock.
	x.run(20, off)
	shown, _ := x.last()
	for i := range int64(10) {
		x.record(codec.Position{DeviceID: "d", TS: x.wall + off - 60_000 + i*1000, Arrival: x.wall, Lat: 70})
	}
	x.wait(time.Second)
	number, _ := x.last()
	want(t, "shown after late ones", number, shown)
}

// TestRandomClocks changes the clocks of a device and of the server at random. The device
// never goes back to an earlier place, its times increase, and the screen is never more
// than a few seconds behind, except for two minutes after a clock has fallen back.
func TestRandomClocks(t *testing.T) { playSeeds(t, 1, 40, clockSeeds, playClocks) }

// clockSeeds are seeds that have failed: records that were read again counted as newer
// after the device's clock had gone back, and times of the server were compared with those
// of the device.
var clockSeeds = []uint64{2664613646234914531, 1096352295670609511, 13182627619173579579}

func playClocks(t *testing.T, seed uint64) {
	defer reportSeed(t, seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	x := newTracked(t, Config{})
	var off, server, lastID, seq, patience, settled int64
	var sent []codec.Position
	untimed := false
	number, at, frames := 0.0, int64(0), 0 // the position on the screen
	diffs := newMinimum()
	for second := range int64(1500) {
		if rng.IntN(120) == 0 { // the device's clock changes
			before := off
			untimed = rng.IntN(6) == 0
			switch rng.IntN(7) {
			case 0, 1:
				off = rng.Int64N(2000) - 1000
			case 2:
				off = rng.Int64N(23 * hour)
			case 3:
				off = 5000 + rng.Int64N(1000) - 500
			case 4:
				off = -(15*minute + rng.Int64N(24*hour))
			case 5:
				off = -years
			case 6: // it goes back a little, and is still wrong
				if distance(off, 0) > fallenLeast {
					off -= rng.Int64N(minute)
				}
			}
			if off < before || off < -fallenLeast {
				patience = max(second, settled) + 120
			}
			if lastID > x.wall+server { // two faults at once: the ids do not advance either
				patience = max(patience, second+130)
			}
		}
		if rng.IntN(400) == 0 { // the server's clock steps
			server = []int64{0, -20_000, 60_000, -60_000}[rng.IntN(4)]
			patience, settled = max(patience, second+10), second+190
			if off < -fallenLeast { // its offset is not constant until the measured difference is
				patience = settled + 120
			}
		}
		if now := x.wall + server; now > lastID {
			lastID, seq = now, 0
		} else {
			seq++
		}
		x.diff = diffs.add(second, x.wall-lastID)
		ts := x.wall + off
		if untimed {
			ts = lastID + seq
		}
		x.number++
		sent = append(sent, codec.Position{DeviceID: "d", TS: ts, Arrival: lastID, Seq: uint64(seq), Untimed: untimed, Lat: x.number / 100})
		x.record(sent[second])
		if rng.IntN(100) == 0 && lastID == x.wall+server { // the last ten are read again, while ids advance
			for _, p := range sent[max(0, second-10):] {
				x.record(p)
			}
		}
		x.wait(time.Second)
		for ; frames < len(x.c.screen.all); frames++ {
			f := x.c.screen.all[frames]
			if f.Type != "position" {
				continue
			}
			if next := f.Lat * 100; next < number-0.5 || f.TS <= at {
				t.Fatalf("second %d: the device went from %v to %v, its time from %d to %d", second, number, next, at-base, f.TS-base)
			}
			number, at = f.Lat*100, f.TS
		}
		if late := x.number - number; late > 7 && second > patience {
			t.Fatalf("second %d: the screen is %v positions behind (device off by %d, server by %d, difference %d)", second, late, off, server, x.diff)
		}
	}
}

// minimum measures the difference of the clocks as the reader does: the minimum over the
// last minute, 0 within the tolerance.
type minimum struct{ samples map[int64]int64 }

func newMinimum() minimum { return minimum{map[int64]int64{}} }

func (m minimum) add(second, sample int64) int64 {
	m.samples[second] = sample
	delete(m.samples, second-60)
	least := sample
	for _, s := range m.samples {
		least = min(least, s)
	}
	if distance(least, 0) <= 5000 {
		return 0
	}
	return least
}
