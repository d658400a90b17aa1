package shard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestBroadcastServesEachSubscriberOnce adds subscribers to a list and removes them while
// a broadcast is under way, and compares with a set. A subscriber that is in the list
// from the beginning to the end is served once, one that is added later never.
func TestBroadcastServesEachSubscriberOnce(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var a subscribers
		there := []*sub{}
		add := func() *sub {
			s := &sub{}
			a.add(s)
			there = append(there, s)
			return s
		}
		for range rng.IntN(20) {
			add()
		}
		owed := map[*sub]bool{}
		for _, s := range there {
			owed[s] = true
		}
		served := func(s *sub) {
			if !owed[s] {
				t.Fatalf("seed %d: a subscriber was served twice, or came later", seed)
			}
			delete(owed, s)
		}
		a.owed = len(a.list)
		for step := 0; a.owed > 0; step++ {
			switch n := rng.IntN(10); {
			case n < 3:
				add()
			case n < 6:
				i := rng.IntN(len(there))
				s := there[i]
				there = slices.Delete(there, i, i+1)
				a.remove(s)
				delete(owed, s)
			case n < 8:
				if s := there[rng.IntN(len(there))]; int(s.pos) < a.owed {
					a.markServed(s)
					served(s)
				}
			default:
				a.owed--
				served(a.list[a.owed])
			}
			for i, s := range a.list {
				if int(s.pos) != i || owed[s] != (i < a.owed) {
					t.Fatalf("seed %d, step %d: the subscriber at %d has position %d, owed %v, %d left", seed, step, i, s.pos, owed[s], a.owed)
				}
			}
			if len(there) == 0 {
				break
			}
		}
		if len(owed) > 0 || len(a.list) != len(there) {
			t.Fatalf("seed %d: %d were not served, %d are in the list, want %d", seed, len(owed), len(a.list), len(there))
		}
	}
}

// pushUnderWay returns a rig whose shard pushes to two subscribers per turn. The event hot
// has ten, and the shard has begun to push the position base+1 of its device h. The
// event quiet has one.
func pushUnderWay(t *testing.T) (r *rig, all []*client, quiet *client) {
	r = newRig(t, Config{Shards: 1})
	r.core.slice = 2
	r.roster(map[string][]string{"hot": {"h"}, "quiet": {"q"}})
	for range 10 {
		all = append(all, r.client(false))
		all[len(all)-1].subscribe("hot", 0)
	}
	quiet = r.client(false)
	quiet.subscribe("quiet", 0)
	r.settle()
	r.send("h", base+1)
	r.turn(0)
	return r, all, quiet
}

// shownBy counts the clients whose screens show the position ts of device h.
func shownBy(clients []*client, ts int64) (n int) {
	for _, c := range clients {
		c.read()
		if c.screen.seen["event:hot"]["h"] == ts {
			n++
		}
	}
	return n
}

func TestLongPushDoesNotBlockOtherEvents(t *testing.T) {
	r, all, quiet := pushUnderWay(t)
	if n := shownBy(all, base+1); n == 0 || n == len(all) {
		t.Fatalf("%d of %d served: the push is not under way", n, len(all))
	}
	r.send("q", base+1)
	late := r.client(false)
	late.subscribe("quiet", 0)
	r.core.workers[0].turn(<-r.core.workers[0].batches)
	if n := shownBy(all, base+1); n == len(all) {
		t.Fatal("the push is over: this test shows nothing")
	}
	quiet.read()
	want(t, "quiet event beside the push", quiet.screen.seen["event:quiet"], map[string]int64{"q": base + 1})
	if late.busy {
		t.Error("a subscribe waits for the push to end")
	}
	r.settle()
	want(t, "served in the end", shownBy(all, base+1), len(all))
}

func TestFlushedThroughWaitsForTheLastPush(t *testing.T) {
	r, _, _ := pushUnderWay(t)
	r.settle()
	r.send("h", base+2)
	r.turn(0)
	r.pass(100 * time.Millisecond)
	due := r.now
	r.turn(0)
	if r.core.FlushedThrough(due) {
		t.Fatal("flushed through, although the push is under way")
	}
	r.settle()
	if !r.core.FlushedThrough(due) {
		t.Fatal("not flushed through, although all have been served")
	}
}

func TestChangesDuringALongPush(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(r *rig, all []*client) (subscribed []*client)
	}{
		{"none", func(_ *rig, all []*client) []*client { return all }},
		{"the first five unsubscribe", func(r *rig, all []*client) []*client {
			for _, c := range all[:5] {
				c.unsubscribe("hot")
				r.core.workers[0].turn(nil)
			}
			return all[5:]
		}},
		{"the last and the first unsubscribe", func(r *rig, all []*client) []*client {
			all[9].unsubscribe("hot")
			all[0].unsubscribe("hot")
			return all[1:9]
		}},
		{"others subscribe", func(r *rig, all []*client) []*client {
			for range 5 {
				all = append(all, r.client(true), r.client(false))
				all[len(all)-1].subscribe("hot", 0)
				all[len(all)-2].subscribe("hot", 0)
				r.core.workers[0].turn(nil)
			}
			return all
		}},
		{"all change to an interval", func(r *rig, all []*client) []*client {
			for _, c := range all {
				c.subscribe("hot", Intervals[0])
			}
			return all
		}},
		{"all change to an interval and back", func(r *rig, all []*client) []*client {
			for _, c := range all {
				c.subscribe("hot", Intervals[0])
				r.core.workers[0].turn(nil)
				c.subscribe("hot", 0)
			}
			return all
		}},
		{"a newer position comes", func(r *rig, all []*client) []*client {
			r.send("h", base+2)
			return all
		}},
		{"the device leaves and joins", func(r *rig, all []*client) []*client {
			r.roster(map[string][]string{"hot": {}, "quiet": {"q"}})
			r.roster(map[string][]string{"hot": {"h"}, "quiet": {"q"}})
			return all
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, all, _ := pushUnderWay(t)
			subscribed := tt.change(r, all)
			for range 4 {
				r.settle()
				r.pass(Intervals[0])
			}
			r.settle()
			newest := r.core.workers[0].devices["h"].shown.mark
			want(t, "served", shownBy(subscribed, newest), len(subscribed))
			shownBy(all, 0) // those that have unsubscribed read the rest
			if held := r.core.Stats().OutstandingBytes; held != 0 {
				t.Errorf("%d bytes of chunks held at rest", held)
			}
		})
	}
}

// A lagged connection with an interval changes to the live flow, after its writer has
// requested the recovery and before the shard carries it out. A device has left and
// joined meanwhile. It is shown after the roster frame that was lost.
func TestChangeToLiveDuringARecoveryGetsTheRoster(t *testing.T) {
	r := newRig(t, Config{Shards: 1, RingSlots: 2})
	with, without := map[string][]string{"e": {"a", "b"}}, map[string][]string{"e": {"b"}}
	r.roster(with)
	r.send("a", base)
	r.settle()
	c := r.subscriber("e", false, Intervals[0])
	c.read()
	for i := range int64(4) { // the queue is full before the device leaves
		r.send("b", base+i)
		r.pass(Intervals[0])
		r.settle()
	}
	r.roster(without)
	r.roster(with)
	r.pass(Intervals[0])
	r.settle()
	c.subscribe("e", 0) // reaches the shard before the recovery does
	c.read()
	r.settle()
	r.pass(Intervals[0])
	r.settle()
	c.read()
	want(t, "screen", c.screen.seen["event:e"], map[string]int64{"a": base, "b": base + 3})
}

// A connection recovers that a broadcast has not served yet. The positions of the
// broadcast are in the snapshot, and nothing live comes before it.
func TestRecoveryDuringABroadcastComesFirst(t *testing.T) {
	r, all, _ := pushUnderWay(t)
	i := slices.IndexFunc(all, func(c *client) bool { return int(c.conn.subs[0].pos) < c.conn.subs[0].subscribers().owed })
	if i < 0 {
		t.Fatal("the broadcast has served everybody in one turn")
	}
	c := all[i].conn
	drain(c)
	if !c.markLagged() || !c.consumer().Recover(&all[i].losses) {
		t.Fatal("not lagged, or not recovered")
	}
	r.turn(0)
	ch := c.consumer().Take()
	if ch == nil || ch.Live() {
		t.Fatalf("the first chunk after a recovery is %+v, want the lagged snapshot", ch)
	}
	if body := string(ch.Head()) + string(ch.Body()); !strings.Contains(body, `"conflated":1`) || !strings.Contains(body, fmt.Sprint(int64(base+1))) {
		t.Errorf("got %s, want a snapshot with position %d and one update left out", body, int64(base+1))
	}
	c.consumer().Release(ch)
	r.settle()
	r.send("h", base+2)
	r.pass(r.core.Window())
	r.settle()
	if ch := c.consumer().Take(); ch == nil || !ch.Live() {
		t.Errorf("got %+v, want the live flow after the snapshot", ch)
	}
}
