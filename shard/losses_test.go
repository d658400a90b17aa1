package shard

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// Connections miss different numbers of updates. For each connection, the updates that were
// shown and those that its frames count as left out add up to those that were published.
func TestConflatedIsCountedForEachConnection(t *testing.T) {
	const published = 60
	r := newRig(t, Config{Shards: 2, RingSlots: 4})
	r.roster(map[string][]string{"e": {"a", "b", "c"}})
	var clients []*client
	for range 6 {
		c := r.client(len(clients)%2 == 0)
		c.subscribe("e", 0)
		clients = append(clients, c)
	}
	r.settle()
	for i := range int64(published) {
		r.send([]string{"a", "b", "c"}[i%3], base+i)
		r.pass(100 * time.Millisecond)
		r.settle()
		for n, c := range clients {
			if n == 0 || int(i)%(5*n) < 3 { // a few in a row, then a pause
				c.read()
			}
		}
		r.settle()
	}
	for range 3 {
		for _, c := range clients {
			c.read()
		}
		r.pass(100 * time.Millisecond)
		r.settle()
	}
	var leftOut []uint64
	for i, c := range clients {
		shown, conflated := 0, uint64(0)
		for _, f := range c.screen.all {
			switch f.Type {
			case "position":
				shown++
			case "positions":
				shown += len(f.Positions)
			case "snapshot":
				conflated += f.Conflated
			}
		}
		if shown+int(conflated) != published {
			t.Errorf("connection %d: %d updates shown and %d left out, want %d together\nlog: %v", i, shown, conflated, published, c.screen.log)
		}
		leftOut = append(leftOut, conflated)
	}
	if leftOut[0] != 0 || slices.Max(leftOut) == 0 || leftOut[1] == leftOut[5] {
		t.Errorf("left out, by connection: %v; want 0 for the first, and different numbers for others", leftOut)
	}
}

// slowSocket is a writer whose socket accepts a few bytes at a time.
type slowSocket struct {
	*client
	recovering func() // called before each recovery
}

// accept writes up to n bytes. A connection that has lagged recovers when all that may
// not be dropped has been written.
func (s *slowSocket) accept(n int) {
	for {
		if s.conn.Lagged() {
			s.dropLost()
		}
		s.fill(math.MaxInt)
		n = s.write(n, func(b []byte) { s.receive(b, s.screen.frame) })
		if len(s.unwritten) > 0 {
			return
		}
		if s.conn.Lagged() {
			s.recovering()
			s.conn.consumer().Recover(&s.losses)
		}
		if !s.conn.active().Rest() {
			takeAll(s.r.core.Queue(0))
			return
		}
	}
}

// TestNoDeviceStarvesOnASlowScreen: a connection with several topics and shards lags again
// and again, each time long before its socket has accepted what the last recovery sent. At
// each recovery, all that the last one sent has been shown, whatever its position in the
// queue: no device is older than the last recovery.
func TestNoDeviceStarvesOnASlowScreen(t *testing.T) {
	for _, batch := range []bool{false, true} {
		r := newRig(t, Config{Shards: 3, RingBytes: 4 << 10})
		events, devices := map[string][]string{}, []string{}
		for i := range 36 {
			d, e := fmt.Sprintf("d%02d", i), fmt.Sprintf("e%d", i%3)
			devices, events[e] = append(devices, d), append(events[e], d)
		}
		r.roster(events)
		s := &slowSocket{client: r.client(batch)}
		for e := range events {
			s.subscribe(e, 0)
		}
		ts, before, recoveries, most := int64(base), int64(0), 0, 0
		s.recovering = func() {
			recoveries++
			for e, ds := range events {
				for _, d := range ds {
					if at := s.screen.seen[TopicName(e)][d]; at < before {
						t.Fatalf("batch %v, recovery %d: %s is shown at %d, want at least %d, the time of the last recovery", batch, recoveries, d, at, before)
					}
				}
			}
			before = ts
		}
		for range 1500 {
			ts++
			for _, d := range devices {
				r.send(d, ts)
				r.turn(r.core.ShardOf(d))
			}
			r.pass(r.core.Window())
			r.settle()
			_, n := s.conn.Queued()
			most = max(most, n)
			s.accept(200)
		}
		if recoveries < 20 {
			t.Errorf("batch %v: only %d recoveries: this test shows nothing", batch, recoveries)
		}
		// The ring, and a chunk of each topic shard after it.
		if bound := 4<<10 + len(devices)*120; most > bound {
			t.Errorf("batch %v: %d bytes unsent, want at most %d", batch, most, bound)
		}
		t.Logf("batch %v: %d recoveries, %d bytes unsent at most", batch, recoveries, most)
	}
}

// A producer has counted its chunk and not pushed it yet. The chunk was admitted before the
// recovery, so it must come first. The end of the push wakes the writer, which does not
// spin until then.
func TestRecoverWaitsForAnUnfinishedPush(t *testing.T) {
	r := newRig(t, Config{Shards: 1, RingSlots: 4})
	c := r.client(false)
	reply := new(Chunk)
	c.conn.queued.Add(queuedSlot) // as admit
	c.conn.markLagged()
	if c.conn.consumer().Recover(&c.losses) {
		t.Error("recovered before the end of a push")
	}
	if c.conn.active().Rest() {
		t.Error("the writer spins until the push has ended")
	}
	c.conn.ring.Push(reply)
	c.conn.Schedule()
	list := takeAll(r.core.Queue(0))
	if next, _ := list.Next(); next.conn != c.conn {
		t.Fatal("the end of the push does not bring the writer back")
	}
	if got := c.conn.consumer().Take(); got != reply {
		t.Fatalf("took %v", got)
	}
	c.conn.queued.Add(^uint64(queuedSlot - 1)) // as Uncount
	if !c.conn.consumer().Recover(&c.losses) {
		t.Error("not recovered after the push has ended")
	}
}

// TestLossesAreForgottenOnceRecovered: a connection lags several times, and its writer
// drops chunks each time. Each recovery sends what was lost since the last one, and no
// more. A recovery that has ended does not keep a topic in memory.
func TestLossesAreForgottenOnceRecovered(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": numbered("d", 40)})
	c := r.subscriber("e", false, 0)
	c.read()
	lose := func(devices []string, ts int64) (lagged *frame) {
		for _, d := range devices {
			r.send(d, ts)
			r.turn(0)
		}
		r.pass(r.core.Window())
		r.settle()
		c.conn.markLagged()
		c.read()
		r.settle()
		before := len(c.screen.all)
		c.read()
		for i := range c.screen.all[before:] {
			if f := &c.screen.all[before+i]; f.Reason == "lagged" {
				lagged = f
			}
		}
		if lagged == nil {
			t.Fatalf("no lagged snapshot; log %v", c.screen.log)
		}
		return lagged
	}
	first := lose(numbered("d", 40), base)
	want(t, "conflated and sent by the first recovery", []int{int(first.Conflated), len(first.Positions)}, []int{40, 40})
	for i := range 3 {
		next := lose([]string{"d7"}, base+1+int64(i))
		want(t, "conflated and sent by a later one", []int{int(next.Conflated), len(next.Positions)}, []int{1, 1})
	}
	want(t, "remembered losses", len(c.losses.list), 0)
	o := c.losses.op
	for _, list := range [][]loss{c.losses.list, o.losses} {
		for _, l := range list[:cap(list)] {
			if l.shard != nil {
				t.Errorf("the topic shard of event %s is still referenced", l.shard.topic.event)
			}
		}
	}
}

// A lagged connection changes from an interval to the live flow, with an encoding that
// nobody else has, while a roster change is pending that it has missed. The pending chunk
// is built for it from the positions alone, so its recovery must send the roster change.
func TestLaggedChangeToLiveGetsTheRoster(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"ghost", "d"}})
	other, c := r.client(false), r.client(true)
	other.subscribe("e", 0)
	c.subscribe("e", Intervals[0])
	r.settle()
	for _, ts := range []int64{base, base + 1} {
		r.send("ghost", ts)
		r.send("d", ts)
		r.pass(time.Second)
		r.settle()
	}
	r.pass(time.Second)
	r.settle()
	c.read()
	want(t, "the screen before", len(c.screen.seen["event:e"]), 2)
	c.conn.markLagged()
	r.send("d", base+2) // the window begins
	r.settle()
	r.roster(map[string][]string{"e": {"d"}})
	r.send("d", base+3)
	r.settle()
	c.subscribe("e", 0)
	r.settle()
	p := c.held["e"].shards[0]
	if p.seq == p.sealed || p.pending[encodingBatch].chunk == nil {
		t.Fatal("nothing is pending: this test shows nothing")
	}
	for range 3 {
		c.read()
		r.settle()
	}
	r.pass(time.Second)
	r.settle()
	c.read()
	want(t, "the screen afterwards", c.screen.seen["event:e"], map[string]int64{"d": base + 3})
}
