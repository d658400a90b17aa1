package shard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"pitwall/codec"
)

// tracker is a device of a course. Its positions are numbered from 1, and the number
// can be computed from the time: see timeOf. So a spectator can check the order and the
// gaps of what it gets, without a model of what runs at the same time.
type tracker struct {
	id     string
	moves  bool         // the map may move it
	flawed bool         // points of it may be marked faulty
	out    atomic.Int64 // the newest number that has been handed out, stored before Deliver

	skipped atomic.Int64 // up to here any may be missing on a screen

	// Guarded by the publisher's mu.
	shown  int64          // what the table has when all is taken in, 0 for nothing
	banned []int64        // named by the last correction, newest first; nil while that is under way
	ahead  map[int64]bool // published by a clock that ran ahead
	vague  bool           // a correction went on beside the publishing: shown is certain with the next position

	mu     sync.Mutex
	faulty map[int64]bool // marked so
	told   [][3]int64     // corrections: the newest then, the good one, how many were named
}

// stamp is the row of a number in the table. The publisher's mu is held.
func (d *tracker) stamp(number int64) Stamp {
	s := Stamp{TS: timeOf(number), Arrival: timeOf(number)}
	if d.ahead[number] {
		s.TS += 3_600_000
	}
	return s
}

func timeOf(number int64) int64 { return base + 10*number }

func latOf(ts int64) float64 { return float64(ts % 90) }

func (d *tracker) isFaulty(number int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faulty[number]
}

// wanders reports whether d may come to an event with a position that is not
// its first.
func (d *tracker) wanders() bool { return d.moves || d.flawed }

// mayMiss reports whether a number may be missing on a screen.
func (d *tracker) mayMiss(number int64) bool {
	return number <= d.skipped.Load() || d.isFaulty(number)
}

// story is how it was corrected.
func (d *tracker) story() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("%s corrected %v; ", d.id, d.told)
}

// mark says that all after good up to the newest are faulty.
func (d *tracker) mark(good, newest int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := good + 1; k <= newest; k++ {
		d.faulty[k] = true
	}
}

type fleet struct {
	publishers []*publisher
	byID       map[string]*tracker
	flawed     []*tracker
	heard      [5]atomic.Int64 // by shard: devices that were delivered to it, counted before Deliver
	marks      atomic.Int64
}

// publisher owns some devices.
type publisher struct {
	mu      sync.Mutex // held for a round of publishing, and while a device is corrected
	devices []*tracker
}

func newFleet(rng *rand.Rand, n int) *fleet {
	f := &fleet{byID: map[string]*tracker{}}
	f.publishers = make([]*publisher, 1+rng.IntN(3))
	for i := range f.publishers {
		f.publishers[i] = &publisher{}
	}
	for i := range n {
		d := &tracker{id: fmt.Sprintf("d%02d", i), moves: i%2 == 0, flawed: i%3 == 0, faulty: map[int64]bool{}, ahead: map[int64]bool{}}
		f.byID[d.id] = d
		p := f.publishers[i%len(f.publishers)]
		p.devices = append(p.devices, d)
		if d.flawed {
			f.flawed = append(f.flawed, d)
		}
	}
	return f
}

// numbers are the newest that have been handed out.
func (f *fleet) numbers() map[string]int64 {
	m := make(map[string]int64, len(f.byID))
	for id, d := range f.byID {
		m[id] = d.out.Load()
	}
	return m
}

// publish delivers batches of a few positions, at times of more than a reader
// takes in itself.
func (p *publisher) publish(c *course, rng *rand.Rand, rounds int) {
	for range rounds {
		p.mu.Lock()
		batches := make([]*Batch, c.core.Shards())
		n := 1 + rng.IntN(10)
		if rng.IntN(4) == 0 {
			n += rng.IntN(3 * fewPositions * len(batches))
		}
		for range n {
			if len(p.devices) > 0 {
				d := p.devices[rng.IntN(len(p.devices))]
				c.add(batches, d.next(c, rng))
			}
		}
		c.deliver(batches)
		p.mu.Unlock()
		c.progress.advance()
	}
}

func (c *course) add(batches []*Batch, p codec.Position) {
	i := c.core.ShardOf(p.DeviceID)
	if batches[i] == nil {
		batches[i] = c.core.AcquireBatch()
	}
	p.Lat = latOf(min(p.TS, p.Arrival))
	batches[i].Positions = append(batches[i].Positions, p)
}

func (c *course) deliver(batches []*Batch) {
	for i, b := range batches {
		if b == nil {
			continue
		}
		if err := c.core.Deliver(context.Background(), i, b); err != nil {
			c.t.Errorf("deliver: %v", err)
		}
	}
}

// next makes a record of d: mostly the next position, at times one that is
// late, sent twice, faulty, or of a clock that runs ahead.
func (d *tracker) next(c *course, rng *rand.Rand) codec.Position {
	k := d.out.Load()
	r := codec.Position{DeviceID: d.id, TS: timeOf(k), Arrival: timeOf(k)}
	switch n := rng.IntN(40); {
	case n == 0 && !d.flawed && k > 0: // late
		r.TS = timeOf(k-rng.Int64N(k)) - 5
		return r
	case n == 1 && !d.flawed && k > 0: // again
		return r
	case n == 2: // faulty from the start
		r.TS, r.Faulty = timeOf(k)+5, true
		return r
	case n < 6 && len(d.banned) > 0: // marked faulty, and read again
		s := d.stamp(d.banned[rng.IntN(len(d.banned))])
		r.TS, r.Arrival = s.TS, s.Arrival
		return r
	}
	r = c.advance(d)
	if rng.IntN(20) == 0 {
		d.ahead[d.out.Load()] = true
		r.TS = d.stamp(d.out.Load()).TS
	}
	return r
}

// advance makes d's next position.
func (c *course) advance(d *tracker) codec.Position {
	k := d.out.Add(1)
	if k == 1 {
		c.fleet.heard[c.core.ShardOf(d.id)].Add(1)
	}
	d.shown, d.vague = k, false
	return codec.Position{DeviceID: d.id, TS: timeOf(k), Arrival: timeOf(k)}
}

// takenIn waits until shard i has taken in what was delivered to it so far: a
// device that it has not heard of comes after that.
func (c *course) takenIn(i int) {
	id := ""
	for id == "" || c.core.ShardOf(id) != i {
		id = fmt.Sprintf("mark-%d", c.fleet.marks.Add(1))
	}
	c.fleet.heard[i].Add(1)
	b := c.core.AcquireBatch()
	b.Positions = append(b.Positions, codec.Position{DeviceID: id, TS: base, Arrival: base})
	c.deliver(append(make([]*Batch, i), b))
	n := c.fleet.heard[i].Load() // those before ours among them
	if !eventually(func() bool { return c.core.workers[i].stats.devices.Load() >= n }) {
		c.t.Errorf("shard %d knows %d devices, want %d", i, c.core.workers[i].stats.devices.Load(), n)
	}
}

// correct marks the newest positions of some devices as faulty, or takes the
// marks back, all in one command.
func (c *course) correct(rng *rand.Rand) {
	if len(c.fleet.flawed) == 0 {
		return
	}
	var some []*tracker
	for _, i := range rng.Perm(len(c.fleet.flawed))[:min(len(c.fleet.flawed), 1+rng.IntN(4))] {
		some = append(some, c.fleet.flawed[i])
	}
	release := c.fleet.hold(some)
	some = slices.DeleteFunc(some, func(d *tracker) bool { return d.out.Load() == 0 || d.vague })
	var list []Correction
	if rng.IntN(3) > 0 { // while the publishers wait
		for _, d := range some {
			c.takenIn(c.core.ShardOf(d.id))
			newest, good := d.out.Load(), d.lastGood(d.out.Load(), rng)
			switch {
			case rng.IntN(4) == 0 && d.shown < newest: // the marks are taken back
				d.shown, d.banned = newest, nil
				list = append(list, d.correction(newest))
			case d.shown != good:
				d.mark(good, newest)
				d.shown = good
				list = append(list, d.correction(good))
			}
		}
		c.tell(list)
		release()
		return
	}
	var named [][]int64
	for _, d := range some {
		newest, good := d.out.Load(), d.lastGood(d.out.Load(), rng)
		d.mark(good, newest)
		d.skipped.Store(newest) // what waits in the inbox is late if good comes before it
		d.vague = true
		list = append(list, d.correction(good))
		named = append(named, d.banned)
		d.banned = nil
	}
	release()
	c.tell(list)
	release = c.fleet.hold(some)
	for i, d := range some {
		d.banned = named[i]
	}
	release()
}

// hold has the publishers of some devices wait until release is called.
func (f *fleet) hold(some []*tracker) (release func()) {
	var held []*publisher
	for _, p := range f.publishers { // in one order
		if slices.ContainsFunc(some, func(d *tracker) bool { return slices.Contains(p.devices, d) }) {
			p.mu.Lock()
			held = append(held, p)
		}
	}
	return func() {
		for _, p := range held {
			p.mu.Unlock()
		}
	}
}

// correction is what the table tells of d: all after good, up to the newest, are
// faulty, of which it names the newest.
func (d *tracker) correction(good int64) Correction {
	newest := d.out.Load()
	x := Correction{Device: d.id}
	if good > 0 {
		s := d.stamp(good)
		x.Good = &codec.Position{DeviceID: d.id, TS: s.TS, Arrival: s.Arrival, Lat: latOf(s.Arrival)}
	}
	d.banned = nil
	for k := newest; k > good && len(x.Faulty) < MaxFaulty; k-- {
		x.Faulty, d.banned = append(x.Faulty, d.stamp(k)), append(d.banned, k)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, [3]int64{newest, good, int64(len(x.Faulty))})
	return x
}

func (c *course) tell(list []Correction) {
	if err := c.core.Correct(context.Background(), list); err != nil {
		c.t.Errorf("correct: %v", err)
	}
}

// lastGood chooses the one to fall back to, 0 for none.
func (d *tracker) lastGood(newest int64, rng *rand.Rand) int64 {
	if rng.IntN(6) == 0 {
		return 0
	}
	good := max(0, newest-1-rng.Int64N(3))
	for good > 0 && d.isFaulty(good) {
		good--
	}
	return good
}

// finish publishes what makes the table certain, and waits until it is taken in.
func (f *fleet) finish(c *course) {
	batches := make([]*Batch, c.core.Shards())
	for _, d := range f.flawed {
		if d.vague {
			c.add(batches, c.advance(d))
		}
	}
	c.deliver(batches)
	for i := range batches {
		c.takenIn(i)
	}
}
