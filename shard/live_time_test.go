package shard

import (
	"context"
	"testing"
	"time"

	"pitwall/codec"
)

// tracked is a rig with a client that shows device d of event e. The latitude of each
// position is its number, so that the true order is known whatever the times are.
type tracked struct {
	*rig
	c      *client
	number float64
	diff   int64 // ms, the measured difference of the server's clock
}

func newTracked(t *testing.T, cfg Config) *tracked {
	cfg.Shards = 1
	r := newRig(t, cfg)
	r.roster(map[string][]string{"e": {"d"}})
	x := &tracked{rig: r, c: r.client(false)}
	x.c.subscribe("e", 0)
	r.settle()
	x.c.read()
	return x
}

// arrive delivers the next position of the device. ts is by the device's clock, arrival
// by the server's.
func (x *tracked) arrive(ts, arrival int64) {
	x.number++
	x.record(codec.Position{DeviceID: "d", TS: ts, Arrival: arrival, Seq: uint64(x.number), Lat: x.number})
}

func (x *tracked) record(p codec.Position) {
	x.t.Helper()
	b := x.core.AcquireBatch()
	b.Positions, b.Difference = append(b.Positions, p), x.diff
	if err := x.core.Deliver(context.Background(), 0, b); err != nil {
		x.t.Fatal(err)
	}
	x.settle()
	x.pass(0)
	x.c.read()
}

// wait lets time pass and reads what is sent.
func (x *tracked) wait(d time.Duration) {
	x.pass(d)
	x.settle()
	x.c.read()
}

// last returns the newest position that was shown; its number is 0 before the first.
func (x *tracked) last() (number float64, ts int64) {
	for i := len(x.c.screen.all) - 1; i >= 0; i-- {
		f := x.c.screen.all[i]
		if f.Type == "position" {
			return f.Lat, f.TS
		}
		if f.Type == "snapshot" && len(f.Positions) > 0 {
			return f.Positions[0].Lat, f.Positions[0].TS
		}
	}
	return 0, 0
}

// wantNewest checks that the newest position is shown, and its time.
func (x *tracked) wantNewest(what string, ts int64) {
	x.t.Helper()
	number, at := x.last()
	if number != x.number || at != ts {
		x.t.Errorf("%s: position %v of %v is shown under time %d, want time %d", what, number, x.number, at-base, ts-base)
	}
}

// A device whose clock is ahead uploads stored positions. The newest is shown, in whatever
// order they come. If they are read again, nothing changes.
func TestUploadOfAClockAheadShowsTheNewest(t *testing.T) {
	const hour = 3_600_000
	x := newTracked(t, Config{})
	at := x.wall
	for i := range int64(10) {
		x.arrive(at+hour+1000*i, at)
	}
	x.wait(time.Second)
	x.wantNewest("oldest first", at+9)

	x.wait(time.Minute)
	at = x.wall
	for i := range int64(10) {
		x.arrive(at+hour-1000*i, at+i/5) // in two milliseconds
	}
	x.wait(time.Second)
	number, _ := x.last()
	want(t, "newest first: shown", number, float64(11))
	want(t, "late", x.core.Stats().Late, uint64(9))

	for i := range int64(10) { // the stream is read again
		x.record(codec.Position{DeviceID: "d", TS: at + hour - 1000*i, Arrival: at + i/5, Seq: uint64(11 + i), Lat: 50 + float64(i)})
	}
	x.wait(time.Second)
	number, _ = x.last()
	want(t, "read again: shown", number, float64(11))
	want(t, "duplicates", x.core.Stats().Duplicates, uint64(1))
}

// A clock is ahead by a little more than the tolerance, and one record is delayed. That
// one is within the tolerance and moves the watermark of live time ahead. The next ones
// are shown all the same.
func TestClockAtTheToleranceKeepsMoving(t *testing.T) {
	x := newTracked(t, Config{})
	for i := range 20 {
		delay := int64(0)
		if i == 4 {
			delay = 800
		}
		x.arrive(x.wall+5500-delay, x.wall)
		x.wait(500 * time.Millisecond)
		// The delayed one is older than the one before it, by the same clock.
		if number, _ := x.last(); number != x.number && delay == 0 {
			t.Fatalf("record %v is shown instead of record %d", number, i+1)
		}
	}
}

// The server's clock steps back by 20 s, so its ids stay in one millisecond. The measured
// difference follows a minute later.
func TestServerClockThatStepsBackDoesNotStopTheDot(t *testing.T) {
	x := newTracked(t, Config{})
	frozen := int64(0)
	for second := range int64(180) {
		now, arrival := x.wall, x.wall
		if second >= 30 {
			frozen = max(frozen, base+30_000)
			arrival = max(frozen, now-20_000)
		}
		if second >= 110 {
			x.diff = 20_000
		}
		x.arrive(now, arrival)
		x.wait(time.Second)
		number, ts := x.last()
		if number != x.number {
			t.Fatalf("second %d: shown is %v of %v", second, number, x.number)
		}
		if second >= 110 && ts != now {
			t.Fatalf("second %d: with the difference known, the position of %d is shown under time %d", second, now-base, ts-base)
		}
	}
}

// If the server's clock is wrong all the time, a right device clock still counts as right,
// and a wrong one as wrong.
func TestWrongServerClockIsCorrectedFor(t *testing.T) {
	for name, wrong := range map[string]int64{"behind": -60_000, "ahead": 60_000} {
		t.Run(name, func(t *testing.T) {
			x := newTracked(t, Config{})
			x.diff = -wrong
			for range 5 {
				now := x.wall
				x.arrive(now, now+wrong)
				x.wait(time.Second)
				x.wantNewest("a right clock", now)
			}
			want(t, "future", x.core.Stats().Future, uint64(0))
			now := x.wall
			x.arrive(now+30_000, now+wrong)
			x.wait(time.Second)
			x.wantNewest("a clock ahead", now)
		})
	}
}

// A record without a time is shown under its live arrival.
func TestRecordsWithoutTimeAreShownUnderArrival(t *testing.T) {
	x := newTracked(t, Config{})
	x.diff = 60_000
	at := x.wall - 60_000
	for seq := range int64(3) {
		x.number++
		x.record(codec.Position{DeviceID: "d", TS: at + seq, Arrival: at, Seq: uint64(seq), Untimed: true, Lat: x.number})
	}
	x.wait(time.Second)
	x.wantNewest("three of one millisecond", at+60_000+2)
	x.record(codec.Position{DeviceID: "d", TS: at + 1, Arrival: at, Seq: 1, Untimed: true, Lat: 50}) // read again
	x.wait(time.Second)
	x.wantNewest("one of them again", at+60_000+2)
}

// A clock that was ahead is set right, or a little behind. Its positions are shown at once:
// the mark from their arrival times does not hold them back.
func TestClockThatIsSetRightKeepsMoving(t *testing.T) {
	for _, behind := range []int64{0, 3000} {
		x := newTracked(t, Config{})
		for range 5 {
			x.arrive(x.wall+3_600_000, x.wall)
			x.wait(time.Second)
		}
		for range 10 {
			x.arrive(x.wall-behind, x.wall)
			x.wait(time.Second)
			if number, _ := x.last(); number != x.number {
				t.Fatalf("%d ms behind: shown is %v of %v", behind, number, x.number)
			}
		}
		want(t, "late", x.core.Stats().Late, uint64(0))
	}
}

// If this machine's own clock has moved the mark too far ahead, the device is shown all the
// same.
func TestMarkFromAWrongDifferenceDoesNotStopTheDot(t *testing.T) {
	x := newTracked(t, Config{})
	x.diff = 3_600_000
	for range 3 { // ahead by two hours, so dated by the wrong live arrival
		x.arrive(x.wall+7_200_000, x.wall)
		x.wait(time.Second)
	}
	x.diff = 0
	for range 5 {
		x.arrive(x.wall, x.wall)
		x.wait(time.Second)
		if number, _ := x.last(); number != x.number {
			t.Fatalf("shown is %v of %v", number, x.number)
		}
	}
}

// Positions that are replayed at the start, newest first, follow the same rule.
func TestReplayOfClocksAheadShowsTheNewest(t *testing.T) {
	x := newTracked(t, Config{})
	warm := func(list ...codec.Position) {
		b := x.core.AcquireBatch()
		b.Warm, b.Difference, b.Positions = true, x.diff, append(b.Positions, list...)
		if err := x.core.Deliver(context.Background(), 0, b); err != nil {
			t.Fatal(err)
		}
		x.wait(time.Second)
	}
	at := x.wall
	const hour = 3_600_000
	warm(codec.Position{DeviceID: "d", TS: at - 5000, Arrival: at - 5000, Lat: 1}) // from the table
	warm(
		codec.Position{DeviceID: "d", TS: at + hour, Arrival: at, Lat: 4},
		codec.Position{DeviceID: "d", TS: at + hour - 1000, Arrival: at, Lat: 3},
		codec.Position{DeviceID: "d", TS: at + hour - 2000, Arrival: at - 2000, Lat: 2},
	)
	number, ts := x.last()
	want(t, "shown", number, 4.0)
	want(t, "dated", ts, at)

	// Ahead for a while, then right: the right one is the newest.
	x = newTracked(t, Config{})
	at = x.wall
	warm(
		codec.Position{DeviceID: "d", TS: at, Arrival: at, Lat: 9},
		codec.Position{DeviceID: "d", TS: at + hour, Arrival: at - 1000, Lat: 8},
	)
	number, _ = x.last()
	want(t, "shown", number, 9.0)
	// An upload, of which some records are in the table. The difference of the clocks was
	// not known yet when that was judged.
	x = newTracked(t, Config{})
	at = x.wall - 60_000
	warm(codec.Position{DeviceID: "d", TS: at + 54_000, Arrival: at, Lat: 4})
	x.diff = 60_000
	warm(
		codec.Position{DeviceID: "d", TS: at + 60_000, Arrival: at, Seq: 6, Lat: 10},
		codec.Position{DeviceID: "d", TS: at + 59_000, Arrival: at, Seq: 5, Lat: 9},
	)
	number, _ = x.last()
	want(t, "of an upload", number, 10.0)
}

// A late record is older than one that was shown before under its own time. It is not
// shown, also if a record with a wrong time has been shown since.
func TestLateRecordAfterOneAheadIsNotShown(t *testing.T) {
	x := newTracked(t, Config{})
	x.arrive(x.wall, x.wall)
	x.wait(100 * time.Millisecond)
	x.arrive(x.wall+hour, x.wall)
	x.wait(100 * time.Millisecond)
	for _, late := range []int64{201, 200} { // older than the first, and the first again
		x.arrive(x.wall-late, x.wall)
		x.wait(0)
		number, _ := x.last()
		want(t, "shown after a late one", number, 2.0)
	}
	x.arrive(x.wall-150, x.wall) // newer than the first
	x.wait(time.Second)
	number, _ := x.last()
	want(t, "shown in the end", number, x.number)
}

// The server's clock is set back by a minute, so its ids do not advance. A device without
// times has times again. They must not be compared with the earlier times of the server.
func TestClockAfterRecordsWithoutTimeKeepsMoving(t *testing.T) {
	x := newTracked(t, Config{})
	x.diff = -minute
	for range 3 {
		at := x.wall + minute
		x.number++
		x.record(codec.Position{DeviceID: "d", TS: at, Arrival: at, Seq: uint64(x.number), Untimed: true, Lat: x.number})
		x.wait(time.Second)
	}
	frozen := x.wall + minute
	for second := range 30 {
		x.arrive(x.wall-500, frozen)
		x.wait(time.Second)
		if number, _ := x.last(); number != x.number {
			t.Fatalf("second %d: shown is %v of %v", second, number, x.number)
		}
	}
}

// A clock that is ahead goes back by half a minute. Records that are read again then have
// later times than the newest one, but were shown before, and are not shown again. Records
// with earlier ids after a failover are new, and are shown.
func TestRecordsReadAgainAfterAClockWentBackAreNotShown(t *testing.T) {
	for name, off := range map[string][3]int64{
		"a little": {hour + 30_000, hour}, "by much": {5 * hour, hour}, "with some without time between": {hour + 30_000, hour, 3},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTracked(t, Config{})
			x.run(10, off[0])
			before := x.wall
			for range off[2] {
				x.number++
				x.record(codec.Position{DeviceID: "d", TS: x.wall, Arrival: x.wall, Untimed: true, Lat: x.number})
				x.wait(time.Second)
			}
			x.run(2, off[1])
			number := x.number
			for i := range int64(10) { // the stream is read again
				ago := 10_000 - 1000*i
				x.record(codec.Position{DeviceID: "d", TS: before - ago + off[0], Arrival: before - ago, Seq: uint64(i + 1), Lat: float64(i + 1)})
				x.wait(0)
			}
			shown, _ := x.last()
			want(t, "read again: shown", shown, number)
			x.run(60, off[1])
			for range 10 { // ids are a minute earlier from now on
				x.arrive(x.wall+off[1], x.wall-minute)
				x.wait(time.Second)
			}
			want(t, "behind after the failover", x.behind(), 0)
		})
	}
}
