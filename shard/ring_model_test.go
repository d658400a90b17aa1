//go:build ringmodel

package shard

import (
	"fmt"
	"testing"
)

// maxPreemptions bounds how often a schedule takes a thread off although it
// could go on. Every schedule within the bound is played.
const maxPreemptions = 2

// player runs threads one step at a time in an order it is told.
type player struct {
	threads []*thread
	current *thread
	moves   int // steps taken so far, by anybody
}

type thread struct {
	run     func(wait func()) // wait: found nothing to do; comes back when another has moved since the last wait
	begun   int               // p.moves at the end of the last wait
	own     int               // its own moves since then
	grant   chan struct{}
	stopped chan state // after each step: how it stands
	state   state
}

type state int

const (
	ready state = iota
	waiting
	ended
)

func (p *player) start() {
	stepper = func() { p.rest(ready) }
	for _, t := range p.threads {
		t.grant, t.stopped = make(chan struct{}), make(chan state)
		go func() {
			<-t.grant
			t.run(func() {
				if p.moves-t.begun > t.own { // somebody moved while it was looking
					p.rest(ready)
				} else {
					p.rest(waiting)
				}
				t.begun, t.own = p.moves, 0
			})
			t.stopped <- ended
		}()
	}
}

// rest gives the word back to the player.
func (p *player) rest(s state) {
	t := p.current
	t.stopped <- s
	<-t.grant
}

// turn lets thread i take one step.
func (p *player) turn(i int) {
	t := p.threads[i]
	p.current = t
	p.moves++
	t.own++
	t.grant <- struct{}{}
	t.state = <-t.stopped
	if t.state == waiting {
		return
	}
	for _, o := range p.threads { // it moved: those who waited may look again
		if o != t && o.state == waiting {
			o.state = ready
		}
	}
}

// choice is a moment of a schedule: who could go, who went.
type choice struct {
	able  []int
	taken int // index into able
}

// play1 runs fresh threads along prefix, then on without preemption, and
// returns the whole schedule. check is called at the end.
func play1(t *testing.T, prefix []int, threads []*thread) []choice {
	p := &player{threads: threads}
	p.start()
	var schedule []choice
	last := -1
	for n := 0; ; n++ {
		if n > 5000 {
			t.Fatal("no end: somebody waits for ever")
		}
		c := choice{}
		for i, th := range threads { // who went last comes first: going on is the default
			if th.state == ready && i == last {
				c.able = append([]int{i}, c.able...)
			} else if th.state == ready {
				c.able = append(c.able, i)
			}
		}
		if len(c.able) == 0 {
			for i, th := range threads {
				if th.state != ended {
					t.Fatalf("thread %d waits and nobody is left to wake it", i)
				}
			}
			return schedule
		}
		if n < len(prefix) {
			c.taken = prefix[n]
		}
		last = c.able[c.taken]
		schedule = append(schedule, c)
		p.turn(last)
	}
}

// preemptions counts the switches away from a thread that could go on.
func preemptions(s []choice) (n int) {
	last := -1
	for _, c := range s {
		if c.taken > 0 && c.able[0] == last {
			n++
		}
		last = c.able[c.taken]
	}
	return n
}

// explore plays every schedule within the bound.
func explore(t *testing.T, fresh func() (threads []*thread, check func())) (played int) {
	return exploreWithin(t, maxPreemptions, fresh)
}

// exploreWithin plays every schedule with at most so many preemptions.
func exploreWithin(t *testing.T, most int, fresh func() (threads []*thread, check func())) (played int) {
	for prefix := []int{}; ; played++ {
		threads, check := fresh()
		schedule := play1(t, prefix, threads)
		check()
		if t.Failed() {
			t.Fatalf("schedule %v", prefix)
		}
		next := len(schedule) - 1
		for ; next >= 0; next-- {
			c := schedule[next]
			if c.taken+1 >= len(c.able) {
				continue
			}
			trial := append([]choice{}, schedule[:next+1]...)
			trial[next].taken++
			if preemptions(trial) <= most {
				break
			}
		}
		if next < 0 {
			return played + 1
		}
		prefix = prefix[:0]
		for _, c := range schedule[:next] {
			prefix = append(prefix, c.taken)
		}
		prefix = append(prefix, schedule[next].taken+1)
	}
}

// TestRingModelEveryInterleaving has two producers push two chunks each into a
// ring that begins with one slot, and the consumer take four, shrinking the ring
// whenever it looks empty: nothing lost, nothing twice, each producer's order
// kept, and empty tells the truth when nobody else moves.
func TestRingModelEveryInterleaving(t *testing.T) {
	played := explore(t, func() ([]*thread, func()) {
		var r ring
		var got []string
		produce := func(name int) *thread {
			return &thread{run: func(func()) {
				for n := range 2 {
					r.push(tagged(name, n))
				}
			}}
		}
		consume := &thread{run: func(wait func()) {
			for len(got) < 4 {
				c := r.take()
				if c == nil {
					r.shrink()
					wait()
					continue
				}
				got = append(got, fmt.Sprintf("%d.%d", c.arrival, c.records))
			}
		}}
		return []*thread{produce(0), produce(1), consume}, func() {
			stepper = nil
			at := map[string]int{}
			for i, g := range got {
				if _, twice := at[g]; twice {
					t.Errorf("twice: %v", got)
				}
				at[g] = i
			}
			if len(at) != 4 || at["0.0"] > at["0.1"] || at["1.0"] > at["1.1"] {
				t.Errorf("lost or out of order: %v", got)
			}
			if !r.empty() || r.take() != nil {
				t.Error("not empty at the end")
			}
		}
	})
	t.Logf("%d schedules of up to %d preemptions", played, maxPreemptions)
	if played < 10000 {
		t.Errorf("only %d schedules played: the model has lost its steps", played)
	}
}

// TestRingModelFindsAPlantedBug plays a slot that its consumer frees before it
// has emptied it, and must see a schedule in which a chunk is lost.
func TestRingModelFindsAPlantedBug(t *testing.T) {
	lost := false
	explore(t, func() ([]*thread, func()) {
		s := newSegment(1)
		pushed, taken := 0, 0
		push := &thread{run: func(func()) {
			for range 6 { // looks
				if step(); pushed < 2 && s.tail.Load() == s.head.Load() {
					s.tail.Add(1)
					step()
					s.slots[0].Store(tagged(0, pushed))
					pushed++
				}
			}
		}}
		take := &thread{run: func(func()) {
			for range 4 {
				if step(); s.slots[0].Load() == nil {
					continue
				}
				taken++
				step()
				s.head.Add(1) // planted: free first,
				step()
				s.slots[0].Store(nil) // empty afterwards
			}
		}}
		return []*thread{push, take}, func() {
			stepper = nil
			lost = lost || pushed > taken && s.slots[0].Load() == nil
		}
	})
	if !lost {
		t.Error("the planted loss was not seen")
	}
}
