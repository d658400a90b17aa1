package shard

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pitwall/codec"
)

// base is the wall clock of a new rig, in ms. Tests use it as a device time.
const base = 1_700_000_000_000

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestSubscriberGetsSnapshotThenLive(t *testing.T) {
	for _, batch := range []bool{false, true} {
		r := newRig(t, Config{Shards: 1})
		r.roster(map[string][]string{"e": {"a", "b"}})
		r.send("a", base)
		r.settle()
		c := r.subscriber("e", batch, 0)
		r.send("b", base)
		r.send("a", base+1)
		r.settle()
		r.pass(100 * time.Millisecond)
		r.settle()
		c.read()
		want(t, "log", c.screen.log, []string{
			"event:e snapshot subscribe 1", "event:e b@1700000000000", "event:e a@1700000000001"})
	}
}

func TestOrphansAreCountedAndRemembered(t *testing.T) {
	r := newRig(t, Config{Shards: 1, MaxOrphans: 2})
	r.roster(map[string][]string{"e": {"a"}})
	for _, d := range []string{"x", "y", "z"} {
		r.send(d, base)
	}
	r.settle()
	s := r.core.Stats()
	want(t, "orphan records", s.Orphans, uint64(3))
	want(t, "orphans remembered", s.OrphanDevices, int64(2))

	// An orphan that is remembered has its last value when it joins.
	c := r.subscriber("e", false, 0)
	r.roster(map[string][]string{"e": {"a", "x", "z"}})
	r.pass(time.Second)
	r.settle()
	c.read()
	want(t, "frames", len(c.screen.log), 3)
	want(t, "screen", c.screen.seen["event:e"], map[string]int64{"z": base})
}

func TestDeviceIsShownInEachOfItsEvents(t *testing.T) {
	r := newRig(t, Config{Shards: 2})
	r.roster(map[string][]string{"e1": {"a"}, "e2": {"a", "b"}, "e3": {"b"}})
	c := r.client(true)
	for _, e := range []string{"e1", "e2", "e3"} {
		c.subscribe(e, 0)
	}
	r.settle()
	r.send("a", base)
	r.settle()
	c.read()
	want(t, "e1", c.screen.seen["event:e1"], map[string]int64{"a": base})
	want(t, "e2", c.screen.seen["event:e2"], map[string]int64{"a": base})
	want(t, "e3", len(c.screen.seen["event:e3"]), 0)
}

func TestDuplicateLateAndFaultyPositionsAreNotShown(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a"}})
	c := r.subscriber("e", false, 0)
	for _, ts := range []int64{base, base, base - 1, base + 1} {
		r.send("a", ts)
	}
	r.sendPosition(codec.Position{DeviceID: "a", TS: base + 2, Arrival: r.wall, Faulty: true})
	r.settle()
	r.pass(time.Second)
	r.settle()
	c.read()
	s := r.core.Stats()
	want(t, "duplicates", s.Duplicates, uint64(1))
	want(t, "late", s.Late, uint64(1))
	want(t, "faulty", s.Faulty, uint64(1))
	want(t, "log", c.screen.log[1:], []string{"event:e a@1700000000000", "event:e a@1700000000001"})
}

func TestClockAheadDoesNotFreezeTheDot(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a"}})
	c := r.subscriber("e", false, 0)
	r.send("a", r.wall+3_600_000)
	r.pass(time.Second)
	r.send("a", r.wall)
	r.settle()
	r.pass(time.Second)
	r.settle()
	c.read()
	want(t, "future", r.core.Stats().Future, uint64(1))
	want(t, "screen", c.screen.seen["event:e"], map[string]int64{"a": r.wall - 1000})
	want(t, "frames", len(c.screen.log), 3)
}

func TestQuietTopicSendsAtOnceAndBusyOncePerWindow(t *testing.T) {
	r := newRig(t, Config{Shards: 2})
	r.roster(map[string][]string{"e": {"a", "b", "c", "d", "e", "f"}})
	c := r.subscriber("e", true, 0)
	c.read()
	c.writes = 0
	r.send("a", base)
	r.settle()
	c.read()
	want(t, "writes after the first", c.writes, 1)
	for i := range 99 { // 99 ms, every device each ms: both shards
		r.pass(time.Millisecond)
		for _, d := range []string{"a", "b", "c", "d", "e", "f"} {
			r.send(d, base+int64(i)+1)
		}
		r.settle()
		c.read()
	}
	want(t, "writes within the window", c.writes, 1)
	r.pass(time.Millisecond)
	r.settle()
	c.read()
	want(t, "writes after the next flush", c.writes, 2)
	want(t, "screen", len(c.screen.seen["event:e"]), 6)
}

func TestUnsubscribedIsTheLastFrame(t *testing.T) {
	r := newRig(t, Config{Shards: 3})
	r.roster(map[string][]string{"e": {"a", "b", "c", "d"}})
	c := r.subscriber("e", false, 0)
	for _, d := range []string{"a", "b", "c", "d"} {
		r.send(d, base)
	}
	c.unsubscribe("e")
	r.turn(1) // the shards have their turns in any order
	r.turn(0)
	r.turn(2)
	r.send("a", base+1)
	r.pass(time.Second)
	r.settle()
	c.read()
	want(t, "last", c.screen.log[len(c.screen.log)-1], "event:e unsubscribed")
}

func TestRosterFrameComesBeforeThePositionOfAJoiner(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a"}, "f": {"b"}})
	c := r.client(true)
	c.subscribe("e", 0)
	r.send("a", base)
	r.send("b", base)
	r.settle()
	r.roster(map[string][]string{"e": {"b"}, "f": {"b"}})
	r.send("a", base+1) // has left: an orphan now
	r.pass(time.Second)
	r.settle()
	c.read()
	want(t, "log", c.screen.log, []string{"event:e snapshot subscribe 1",
		"event:e roster +[b] -[a]", "event:e b@1700000000000"})
}

func TestTopicLivesWhileItIsWatched(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a"}})
	c := r.client(false)
	before := c.subscribe("e", 0)
	r.settle()
	r.roster(map[string][]string{})
	if _, ok := r.core.Watch("e"); ok {
		t.Fatal("an event that does not exist can be watched")
	}
	r.roster(map[string][]string{"e": {"a"}})
	r.send("a", base)
	r.pass(time.Second)
	r.settle()
	c.read()
	want(t, "screen", c.screen.seen["event:e"], map[string]int64{"a": base})
	c.unsubscribe("e")
	r.settle()
	r.roster(map[string][]string{})
	r.roster(map[string][]string{"e": {}})
	after, _ := r.core.Watch("e")
	if after == before {
		t.Fatal("a topic of no event was kept, although nobody watches it")
	}
}

func TestTicksSendTheNewestPositionOnce(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a", "b"}})
	r.send("a", base)
	r.settle()
	c := r.subscriber("e", true, time.Second)
	for i := range int64(20) {
		r.pass(100 * time.Millisecond)
		r.send("a", base+1+i)
		r.settle()
		c.read()
	}
	if n := len(c.screen.log); n != 3 {
		t.Fatalf("a snapshot and two ticks expected, got %v", c.screen.log)
	}
	// Back to the live flow: nothing missing, nothing twice.
	r.send("a", base+100)
	c.subscribe("e", 0)
	r.pass(100 * time.Millisecond)
	r.settle()
	c.read()
	want(t, "screen", c.screen.seen["event:e"]["a"], int64(base+100))
}

func TestLaggedConnectionGetsWhatChanged(t *testing.T) {
	r := newRig(t, Config{Shards: 1, RingSlots: 2})
	r.roster(map[string][]string{"e": {"a", "b", "c", "z"}})
	r.send("z", base)
	for i := range int64(100) {
		r.send("c", base+i)
		r.settle()
	}
	slow, fast := r.client(false), r.client(false)
	slow.subscribe("e", 0)
	fast.subscribe("e", 0)
	r.settle()
	slow.read()
	for i := range int64(10) {
		r.pass(100 * time.Millisecond)
		r.send("a", base+i)
		r.send("b", base+i)
		r.settle()
		fast.read()
	}
	if !slow.conn.Lagged() {
		t.Fatal("the slow connection is not lagged")
	}
	r.readUntilRecovered(slow)
	fast.read()
	want(t, "the slow client's screen", slow.screen.seen, fast.screen.seen)
	f := slow.screen.all[len(slow.screen.all)-2]
	want(t, "reason", f.Reason, "lagged")
	want(t, "conflated", f.Conflated, uint64(19)) // the 20th is still pending
	names := []string{}
	for _, p := range f.Positions {
		names = append(names, p.DeviceID)
	}
	if !slices.Contains(names, "a") || !slices.Contains(names, "b") || slices.Contains(names, "z") {
		t.Errorf("in the lagged snapshot: %v; want a and b, which changed, and not z", names)
	}
	// And then the live flow again.
	r.pass(time.Second)
	r.send("a", base+1000)
	r.settle()
	slow.read()
	want(t, "live again", slow.screen.log[len(slow.screen.log)-1], "event:e a@1700000001000")
}

// laggedRig returns a rig with one shard and one connection, which has lagged. It is
// subscribed to event e with devices a and b.
func laggedRig(t *testing.T) (*rig, *client) {
	r := newRig(t, Config{Shards: 1, RingSlots: 2})
	r.roster(map[string][]string{"e": {"a", "b"}})
	c := r.subscriber("e", false, 0)
	c.read()
	for i := range int64(5) {
		r.pass(100 * time.Millisecond)
		r.send("a", base+i)
		r.send("b", base+i)
		r.settle()
	}
	if !c.conn.Lagged() {
		t.Fatal("the connection is not lagged")
	}
	return r, c
}

// readUntilRecovered makes c, which has lagged, read its queue, then what the recovery
// sends, then what was pending at that time.
func (r *rig) readUntilRecovered(c *client) {
	c.read()
	r.settle()
	c.read()
	r.pass(100 * time.Millisecond)
	r.settle()
	c.read()
}

func TestLaggedConnectionGetsTheRoster(t *testing.T) {
	r, c := laggedRig(t)
	r.roster(map[string][]string{"e": {"a"}})
	r.pass(100 * time.Millisecond)
	r.settle()
	c.read()
	r.settle()
	c.read()
	want(t, "screen", c.screen.seen["event:e"], map[string]int64{"a": base + 4})
}

// When a connection recovers, a device's last position and then its removal are pending.
// The roster frame of the recovery does not include that removal.
func TestRecoveryOmitsThePendingRosterChange(t *testing.T) {
	r, c := laggedRig(t)
	r.send("b", base+10)
	r.settle()
	r.roster(map[string][]string{"e": {"a"}})
	r.readUntilRecovered(c)
	want(t, "shown after it had left", len(c.screen.shownAfterLeave), 0)
	want(t, "screen", c.screen.seen["event:e"], map[string]int64{"a": base + 4})
}

func TestShardsAreBalanced(t *testing.T) {
	const n = 3000
	for _, format := range []string{"sim-%03d", "86012345678%04d", "%d", "rider/%d/front"} {
		for _, shards := range []int{2, 3, 8} {
			r := newRig(t, Config{Shards: shards})
			got := make([]int, shards)
			for i := range n {
				got[r.core.ShardOf(fmt.Sprintf(format, i))]++
			}
			for i, g := range got {
				if mean := n / shards; g < mean*8/10 || g > mean*12/10 {
					t.Errorf("%s: shard %d of %d has %d devices of %d", format, i, shards, g, n)
				}
			}
		}
	}
}
