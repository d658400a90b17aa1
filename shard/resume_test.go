package shard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The marks of a topic shard become fewer the older they are. What they say is never
// later than the truth, and recent seconds are exact.
func TestMarksAreALadder(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"d"}})
	r.core.BeginHistory()
	r.pass(2 * time.Second)
	p := r.core.topics["e"].shards[0]
	rng := rand.New(rand.NewPCG(1, 1))
	first := r.wall / 1000
	before := map[int64]uint64{} // by second: the last update before its first one
	for range 3000 {
		r.pass(time.Duration(rng.IntN(900)) * time.Millisecond)
		if _, ok := before[r.wall/1000]; !ok {
			before[r.wall/1000] = p.seq
		}
		r.send("d", r.wall)
		r.settle()
	}
	now, truth := r.wall/1000, p.seq
	p.sealed = p.seq
	for second := now + 1; second >= first; second-- {
		if n, ok := before[second]; ok {
			truth = n
		}
		got, ok := p.changedSince(second)
		if !ok || got > truth || second > now-10 && got != truth {
			t.Fatalf("%d seconds ago: update %d (%t), the truth is %d", now-second, got, ok, truth)
		}
		if age := now - second; age > 60 && age < 600 && truth-got > (p.seq-truth)/2 {
			t.Errorf("%d seconds ago: update %d, which is far before %d of %d", age, got, truth, p.seq)
		}
	}
	if n := cap(p.history.marks); n > maxMarks {
		t.Errorf("%d marks, want %d at most", n, maxMarks)
	}
}

// To remember changes allocates nothing once the ladder is long enough.
func TestHistoryAllocatesNothing(t *testing.T) {
	r, clients, positions := oneEvent(t, 100, 10, false)
	r.core.BeginHistory()
	second := func() {
		r.pass(time.Second)
		cycle(r, clients, positions)
	}
	for range 2 * maxMarks {
		second()
	}
	if n := testing.AllocsPerRun(100, second); n != 0 {
		t.Errorf("%v allocations for 100 positions in a new second, want 0", n)
	}
	if n := len(r.core.topics["e"].shards[0].history.marks); n < maxMarks/2 {
		t.Errorf("%d marks: this test shows nothing", n)
	}
}

// A crowd that comes back with cursors of many seconds shares a few bodies.
func TestCrowdSharesBodies(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	devices := numbered("d", 200)
	r.roster(map[string][]string{"e": devices})
	r.core.BeginHistory()
	r.pass(2 * time.Second)
	first := r.wall/1000 + 1
	for range 300 {
		r.pass(time.Second)
		for range 5 {
			r.send(devices[rand.IntN(len(devices))], r.wall)
		}
		r.settle()
	}
	before, n := r.core.Stats().Built, 0
	topic, _ := r.core.Watch("e")
	for second := first; second <= r.wall/1000; second++ {
		r.core.Resume(r.client(true).conn, topic, 0, second, func(complete bool) {
			if complete {
				n++
			}
		})
	}
	r.settle()
	if built := r.core.Stats().Built - before; n < 290 || built > 12 {
		t.Errorf("%d bodies for %d subscriptions that resumed", built, n)
	}
}

// A shard that has forgotten what it needs says so, and has no subscription.
func TestForgottenHistory(t *testing.T) {
	for _, forget := range []string{"restart", "bytes", "roster", "not begun"} {
		t.Run(forget, func(t *testing.T) {
			r := newRig(t, Config{Shards: 2})
			r.core.rosterBytes = 100
			r.roster(map[string][]string{"e": numbered("d", 10)})
			if forget != "not begun" {
				r.core.BeginHistory()
			}
			r.pass(3 * time.Second)
			since := r.wall / 1000
			for _, d := range numbered("d", 10) {
				r.send(d, r.wall)
			}
			r.settle()
			topic, _ := r.core.Watch("e")
			if got := r.core.CanResume(topic, since); got != (forget != "not begun") {
				t.Fatalf("before: it can resume: %t", got)
			}
			r.pass(3 * time.Second)
			switch forget {
			case "restart":
				r.core.BeginHistory()
			case "bytes":
				r.core.historyBytes = 1
				r.send("d1", r.wall)
				r.settle()
			case "roster":
				r.roster(map[string][]string{"e": numbered("x", 10)})
			}
			if r.core.CanResume(topic, since) {
				t.Error("it says that it can resume")
			}
			if r.core.CanResume(topic, r.wall/1000+5) {
				t.Error("it says that it can resume from the future")
			}
			ends := []bool{}
			c := r.client(false)
			r.core.Resume(c.conn, topic, 0, since, func(complete bool) { ends = append(ends, complete) })
			r.settle()
			if !slices.Equal(ends, []bool{false}) {
				t.Errorf("the subscribe ended with %v", ends)
			}
			r.core.Unsubscribe(c.conn, topic, NewControl(nil), func() { ends = append(ends, true) })
			r.settle()
			want(t, "watchers", fmt.Sprint(len(ends), topic.shards[0].watchers, topic.shards[1].watchers), "2 0 0")
		})
	}
}
