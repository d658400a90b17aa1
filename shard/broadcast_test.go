package shard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSubscribersChangeDuringABroadcast adds to and removes from a list while a
// broadcast is under way, and compares with a plain set: a subscriber that was in the
// list at the beginning and stays is served once, one that is added later never.
func TestSubscribersChangeDuringABroadcast(t *testing.T) {
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
				t.Fatalf("seed %d: served one that is not owed", seed)
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
					t.Fatalf("seed %d, step %d: place %d holds one that says %d, owed %v, %d left", seed, step, i, s.pos, owed[s], a.owed)
				}
			}
			if len(there) == 0 {
				break
			}
		}
		if len(owed) > 0 || len(a.list) != len(there) {
			t.Fatalf("seed %d: %d skipped, %d in the list, want %d", seed, len(owed), len(a.list), len(there))
		}
	}
}

// hot is a rig whose shard pushes two at a time to an event with ten
// subscribers, and has begun to push the position base+1 of device h.
func hot(t *testing.T) (r *rig, crowd []*client, quiet *client) {
	r = newRig(t, Config{Shards: 1})
	r.core.slice = 2
	r.roster(map[string][]string{"hot": {"h"}, "quiet": {"q"}})
	for range 10 {
		crowd = append(crowd, r.client(false))
		crowd[len(crowd)-1].subscribe("hot", 0)
	}
	quiet = r.client(false)
	quiet.subscribe("quiet", 0)
	r.settle()
	r.send("h", base+1)
	r.turn(0)
	return r, crowd, quiet
}

// shown counts who has been shown the hot event's position ts.
func shown(crowd []*client, ts int64) (n int) {
	for _, c := range crowd {
		c.read()
		if c.screen.seen["event:hot"]["h"] == ts {
			n++
		}
	}
	return n
}

func TestLongPushLetsOthersThrough(t *testing.T) {
	r, crowd, quiet := hot(t)
	if n := shown(crowd, base+1); n == 0 || n == len(crowd) {
		t.Fatalf("%d of %d served: the push is not under way", n, len(crowd))
	}
	r.send("q", base+1)
	late := r.client(false)
	late.subscribe("quiet", 0)
	r.core.workers[0].turn(<-r.core.workers[0].batches)
	if n := shown(crowd, base+1); n == len(crowd) {
		t.Fatal("the push is over: nothing is shown by this")
	}
	quiet.read()
	want(t, "quiet event beside the push", quiet.screen.seen["event:quiet"], map[string]int64{"q": base + 1})
	if late.busy {
		t.Error("a subscribe waits for the push to end")
	}
	r.settle()
	want(t, "served in the end", shown(crowd, base+1), len(crowd))
}

func TestInstantIsNotPassedBeforeTheLastPush(t *testing.T) {
	r, _, _ := hot(t)
	r.settle()
	r.send("h", base+2)
	r.turn(0)
	r.pass(100 * time.Millisecond)
	due := r.now
	r.turn(0)
	if r.core.FlushedThrough(due) {
		t.Fatal("passed although the push is under way")
	}
	r.settle()
	if !r.core.FlushedThrough(due) {
		t.Fatal("not passed although all have been served")
	}
}

func TestChangesUnderALongPush(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(r *rig, crowd []*client) (others []*client)
	}{
		{"nothing", func(_ *rig, crowd []*client) []*client { return crowd }},
		{"each one goes", func(r *rig, crowd []*client) []*client {
			for _, c := range crowd[:5] {
				c.unsubscribe("hot")
				r.core.workers[0].turn(nil)
			}
			return crowd[5:]
		}},
		{"from the end", func(r *rig, crowd []*client) []*client {
			crowd[9].unsubscribe("hot")
			crowd[0].unsubscribe("hot")
			return crowd[1:9]
		}},
		{"others come", func(r *rig, crowd []*client) []*client {
			for range 5 {
				crowd = append(crowd, r.client(true), r.client(false))
				crowd[len(crowd)-1].subscribe("hot", 0)
				crowd[len(crowd)-2].subscribe("hot", 0)
				r.core.workers[0].turn(nil)
			}
			return crowd
		}},
		{"each takes an interval", func(r *rig, crowd []*client) []*client {
			for _, c := range crowd {
				c.subscribe("hot", Intervals[0])
			}
			return crowd
		}},
		{"to an interval and back", func(r *rig, crowd []*client) []*client {
			for _, c := range crowd {
				c.subscribe("hot", Intervals[0])
				r.core.workers[0].turn(nil)
				c.subscribe("hot", 0)
			}
			return crowd
		}},
		{"a newer position comes", func(r *rig, crowd []*client) []*client {
			r.send("h", base+2)
			return crowd
		}},
		{"the device leaves and joins", func(r *rig, crowd []*client) []*client {
			r.roster(map[string][]string{"hot": {}, "quiet": {"q"}})
			r.roster(map[string][]string{"hot": {"h"}, "quiet": {"q"}})
			return crowd
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, all, _ := hot(t)
			crowd := tt.change(r, all)
			for range 4 {
				r.settle()
				r.pass(Intervals[0])
			}
			r.settle()
			newest := r.core.workers[0].devices["h"].shown.mark
			want(t, "served", shown(crowd, newest), len(crowd))
			shown(all, 0) // those that have left read the rest
			if held := r.core.Stats().Held; held != 0 {
				t.Errorf("%d bytes of chunks held at rest", held)
			}
		})
	}
}

// TestIntervalToLiveWhileLagged takes the live flow again between the moment
// at which the writer has opened it and the recovery: a device that has left and
// joined meanwhile is shown after the roster frame that was lost.
func TestIntervalToLiveWhileLagged(t *testing.T) {
	r := newRig(t, Config{Shards: 1, RingSlots: 2})
	with, without := map[string][]string{"e": {"a", "b"}}, map[string][]string{"e": {"b"}}
	r.roster(with)
	r.send("a", base)
	r.settle()
	c := r.client(false)
	c.subscribe("e", Intervals[0])
	r.settle()
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
	c.subscribe("e", 0) // with the shard before the recovery is
	c.read()
	r.settle()
	r.pass(Intervals[0])
	r.settle()
	c.read()
	want(t, "screen", c.screen.seen["event:e"], map[string]int64{"a": base, "b": base + 3})
}

// TestRecoveryDuringABroadcast recovers a connection that is still owed a broadcast: the
// positions of the broadcast are in the snapshot, and nothing live comes before it.
func TestRecoveryDuringABroadcast(t *testing.T) {
	r, crowd, _ := hot(t)
	i := slices.IndexFunc(crowd, func(c *client) bool { return int(c.conn.subs[0].pos) < c.conn.subs[0].subscribers().owed })
	if i < 0 {
		t.Fatal("the broadcast has reached everybody in one turn")
	}
	c := crowd[i].conn
	drain(c)
	if !c.markLagged() || !c.consumer().Recover(&crowd[i].losses) {
		t.Fatal("not lagged, or not recovered")
	}
	r.turn(0)
	ch := c.consumer().Take()
	if ch == nil || ch.Live() {
		t.Fatalf("the first chunk after a recovery is %+v, want the lagged snapshot", ch)
	}
	if body := string(ch.Head()) + string(ch.Body()); !strings.Contains(body, `"conflated":1`) || !strings.Contains(body, fmt.Sprint(base+1)) {
		t.Errorf("got %s, want a snapshot with position %d and one update left out", body, base+1)
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
