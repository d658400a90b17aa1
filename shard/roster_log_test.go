package shard

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestRosterLogIsBounded(t *testing.T) {
	l := rosterLog{}
	for i := range uint64(100_000) {
		l.add(rosterChange{device: fmt.Sprintf("device-%06d", i), seq: i + 1, added: true}, maxRosterBytes)
		if l.bytes > maxRosterBytes {
			t.Fatalf("%d bytes, want at most %d", l.bytes, maxRosterBytes)
		}
	}
	if n := cap(l.changes) * changeBytes; n > 2*maxRosterBytes {
		t.Errorf("capacity of %d bytes, want at most %d", n, 2*maxRosterBytes)
	}
	want(t, "the last change", l.newest(), uint64(100_000))
	want(t, "complete after", l.completeSince, l.changes[0].seq-1)
	if len(l.changes) < 5000 {
		t.Errorf("remembers %d changes only", len(l.changes))
	}
	for _, m := range l.changes[len(l.changes):cap(l.changes)] {
		if m.device != "" {
			t.Fatal("the name of a forgotten device is still in memory")
		}
	}
}

func TestBetweenReturnsNetRosterChanges(t *testing.T) {
	l := rosterLog{changes: []rosterChange{
		{"stays", 1, true, false}, {"goes", 2, false, true}, {"returns", 3, false, true}, {"returns", 4, true, false},
		{"visits", 5, true, false}, {"visits", 6, false, true}, {"loses", 7, true, true}, {"goes", 8, true, false},
	}}
	for _, x := range []struct {
		since, to      uint64
		added, removed []string
	}{
		{0, 8, []string{"goes", "loses", "returns", "stays"}, []string{"goes", "loses", "returns", "visits"}},
		{0, 3, []string{"stays"}, []string{"goes", "returns"}},
		{3, 5, []string{"returns", "visits"}, nil},
		{5, 6, nil, []string{"visits"}},
		{8, 8, nil, nil},
	} {
		added, removed := l.between(x.since, x.to)
		slices.Sort(added)
		slices.Sort(removed)
		want(t, fmt.Sprintf("joined after %d up to %d", x.since, x.to), added, x.added)
		want(t, fmt.Sprintf("left after %d up to %d", x.since, x.to), removed, x.removed)
	}
}

// between returns the devices that a frame adds and removes.
func (l *rosterLog) between(since, to uint64) (added, removed []string) {
	r := newRosterBuild(l, since, to)
	for r.merge(l) {
	}
	for _, m := range r.merged {
		if m.added {
			added = append(added, m.device)
		}
		if m.removed {
			removed = append(removed, m.device)
		}
	}
	return added, removed
}

// While a connection lags, more devices join and leave than the log remembers. None of
// those that have left stays on the screen, and the subscription goes on.
func TestNoDeviceStaysWhenTheRosterLogOverflows(t *testing.T) {
	for _, shards := range []int{1, 3} {
		for _, interval := range []time.Duration{0, Intervals[0]} {
			r := newRig(t, Config{Shards: shards})
			leavers := numbered("leaver", 3*shards)
			r.roster(map[string][]string{"e": append(leavers, "d")})
			for _, id := range append(leavers, "d") {
				r.send(id, base)
			}
			r.settle()
			c := r.subscriber("e", true, interval)
			c.read()
			want(t, "devices shown at first", len(c.screen.seen["event:e"]), len(leavers)+1)
			c.conn.markLagged()
			r.roster(map[string][]string{"e": append(numbered("x", 40_000*shards), "d")})
			r.pass(time.Second)
			r.settle()
			r.send("d", base+1)
			for range 4 {
				c.read()
				r.pass(time.Second)
				r.settle()
			}
			want(t, "the screen", c.screen.seen["event:e"], map[string]int64{"d": base + 1})
			if !c.screen.renewed["event:e"] {
				t.Error("the subscription was not renewed: this test shows nothing")
			}
			want(t, "parts of the snapshots", c.screen.parts["event:e"], shards)
			r.send("d", base+2)
			for range 2 {
				r.pass(time.Second)
				r.settle()
			}
			c.read()
			want(t, "the screen afterwards", c.screen.seen["event:e"], map[string]int64{"d": base + 2})
		}
	}
}

// overflowed returns a client of event e that has lagged and requested a recovery. It has
// missed more changes than a short log remembers.
func overflowed(t *testing.T) (*rig, *client) {
	r := newRig(t, Config{Shards: 2})
	r.core.rosterBytes = 200
	r.roster(map[string][]string{"e": append(numbered("leaver", 20), "d")})
	for _, id := range append(numbered("leaver", 20), "d") {
		r.send(id, base)
	}
	r.settle()
	c := r.subscriber("e", true, 0)
	c.read()
	c.conn.markLagged()
	r.roster(map[string][]string{"e": append(numbered("x", 20), "d")})
	r.pass(time.Second)
	r.settle()
	c.read()
	if !c.conn.recovering.Load() {
		t.Fatal("the recovery has ended already")
	}
	return r, c
}

// A subscription ends, or ends and begins again, at any moment of its renewal. The answers
// come in order, and the new subscription is not taken for the old one.
func TestSubscriptionMayEndDuringItsRenewal(t *testing.T) {
	renewed := 0
	for at := range 24 {
		turns, again, first := at/4, at%2 == 0, at/2%2
		r, c := overflowed(t)
		for i := range turns { // of one shard each
			r.core.workers[(first+i)%2].turn(nil)
		}
		c.unsubscribe("e")
		for i := turns; c.busy; i++ {
			r.core.workers[(first+i)%2].turn(nil)
		}
		rest := []string{}
		if again {
			c.subscribe("e", 0)
			rest = []string{"snapshotsubscribe", "snapshotsubscribe"}
		}
		r.settle()
		got := c.kinds()
		end := slices.Index(got, "unsubscribed")
		if end < 0 {
			t.Fatalf("got %v", got)
		}
		if slices.Index(got, "subscribed") >= 0 {
			renewed++
		}
		want(t, fmt.Sprintf("after %d turns, subscribed again %v: frames after the unsubscribed one of %v", turns, again, got), got[end+1:], rest)
		want(t, "a recovery is under way", c.conn.recovering.Load(), false)
	}
	if renewed == 0 || renewed == 24 {
		t.Errorf("renewed before the end %d times of 24", renewed)
	}
}

// A later subscription to the same topic may be in a shard's inbox before the command that
// stops the one to be renewed. The later one must go on.
func TestRenewalDoesNotStopLaterSubscriptions(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"d"}})
	c := r.client(false)
	topic := c.subscribe("e", 0)
	r.settle()
	k := r.core.workers[0]
	old := renewal{topic: topic, order: c.conn.subOf(topic.shards[0]).order - 1, class: classNone}
	o := &op{kind: opPause, conn: c.conn, renewing: []renewal{old}, renewals: make([][]renewal, 1)}
	k.pauseRenewed(o)
	if o.nextPhase() {
		t.Error("a subscription that has ended is to be renewed")
	}
	r.send("d", base)
	r.settle()
	c.read()
	want(t, "the screen", c.screen.seen["event:e"], map[string]int64{"d": base})
}

// kinds reads everything and returns the types and reasons of the frames.
func (c *client) kinds() (list []string) {
	takeEach(c.conn, func(ch *Chunk) {
		c.receive(bytesOf(ch), func(b []byte) {
			f, err := parseFrame(b)
			if err != nil {
				c.r.t.Fatal(err)
			}
			list = append(list, f.Type+f.Reason)
		})
	})
	return list
}
