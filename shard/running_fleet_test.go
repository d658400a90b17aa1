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

// tracker is a device of a stressRun. Its positions are numbered from 1, and the time of
// a position gives its number (see timeOf). So a spectator can check order and gaps
// without a model of everything that happens at the same time.
type tracker struct {
	id        string
	moves     bool         // the map may move it
	corrected bool         // positions of it may be marked faulty
	newest    atomic.Int64 // number of the newest position, stored before Deliver
	skipped   atomic.Int64 // positions up to this number may be missing on a screen

	// Guarded by the publisher's mu.
	shown     int64          // number that the table has once all shards have applied everything, 0 for none
	banned    []int64        // named by the last correction, newest first; nil while that is under way
	ahead     map[int64]bool // published with a clock that was ahead
	uncertain bool           // a correction ran while it was published: shown is known from the next position on

	mu          sync.Mutex
	faulty      map[int64]bool // numbers that are marked faulty
	corrections [][3]int64     // each: the newest number then, the good one, how many were named
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

// mayJoinLate reports whether d may be added to an event with a position that is not its
// first.
func (d *tracker) mayJoinLate() bool { return d.moves || d.corrected }

// mayMiss reports whether a number may be missing on a screen.
func (d *tracker) mayMiss(number int64) bool {
	return number <= d.skipped.Load() || d.isFaulty(number)
}

// describe returns the corrections of d, for a failure.
func (d *tracker) describe() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("%s corrected %v; ", d.id, d.corrections)
}

// markFaulty marks all numbers after good up to newest as faulty.
func (d *tracker) markFaulty(good, newest int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := good + 1; k <= newest; k++ {
		d.faulty[k] = true
	}
}

type fleet struct {
	publishers []*publisher
	byID       map[string]*tracker
	corrected  []*tracker
	delivered  [5]atomic.Int64 // by shard: different devices, counted before Deliver
	markers    atomic.Int64    // see awaitInbox
}

// publisher publishes the positions of some devices.
type publisher struct {
	mu      sync.Mutex // locked for a round of publishing, and while a device is corrected
	devices []*tracker
}

func newFleet(rng *rand.Rand, n int) *fleet {
	f := &fleet{byID: map[string]*tracker{}}
	f.publishers = make([]*publisher, 1+rng.IntN(3))
	for i := range f.publishers {
		f.publishers[i] = &publisher{}
	}
	for i := range n {
		d := &tracker{id: fmt.Sprintf("d%02d", i), moves: i%2 == 0, corrected: i%3 == 0, faulty: map[int64]bool{}, ahead: map[int64]bool{}}
		f.byID[d.id] = d
		p := f.publishers[i%len(f.publishers)]
		p.devices = append(p.devices, d)
		if d.corrected {
			f.corrected = append(f.corrected, d)
		}
	}
	return f
}

// numbers returns the newest number of each device.
func (f *fleet) numbers() map[string]int64 {
	m := make(map[string]int64, len(f.byID))
	for id, d := range f.byID {
		m[id] = d.newest.Load()
	}
	return m
}

// publish delivers batches of a few positions. Some are too large for a reader's turn.
func (p *publisher) publish(c *stressRun, rng *rand.Rand, rounds int) {
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

func (c *stressRun) add(batches []*Batch, p codec.Position) {
	i := c.core.ShardOf(p.DeviceID)
	if batches[i] == nil {
		batches[i] = c.core.AcquireBatch()
	}
	p.Lat = latOf(min(p.TS, p.Arrival))
	batches[i].Positions = append(batches[i].Positions, p)
}

func (c *stressRun) deliver(batches []*Batch) {
	for i, b := range batches {
		if b == nil {
			continue
		}
		if err := c.core.Deliver(context.Background(), i, b); err != nil {
			c.t.Errorf("deliver: %v", err)
		}
	}
}

// next returns a record of d: mostly the next position, sometimes one that is late, sent
// twice, faulty, or of a clock that is ahead.
func (d *tracker) next(c *stressRun, rng *rand.Rand) codec.Position {
	k := d.newest.Load()
	r := codec.Position{DeviceID: d.id, TS: timeOf(k), Arrival: timeOf(k)}
	switch n := rng.IntN(40); {
	case n == 0 && !d.corrected && k > 0: // late
		r.TS = timeOf(k-rng.Int64N(k)) - 5
		return r
	case n == 1 && !d.corrected && k > 0: // sent twice
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
		d.ahead[d.newest.Load()] = true
		r.TS = d.stamp(d.newest.Load()).TS
	}
	return r
}

// advance returns d's next position.
func (c *stressRun) advance(d *tracker) codec.Position {
	k := d.newest.Add(1)
	if k == 1 {
		c.fleet.delivered[c.core.ShardOf(d.id)].Add(1)
	}
	d.shown, d.uncertain = k, false
	return codec.Position{DeviceID: d.id, TS: timeOf(k), Arrival: timeOf(k)}
}

// awaitInbox waits until shard i has applied everything that was delivered to it so far:
// it delivers a marker, a new device, and waits until the shard knows it.
func (c *stressRun) awaitInbox(i int) {
	id := ""
	for id == "" || c.core.ShardOf(id) != i {
		id = fmt.Sprintf("marker-%d", c.fleet.markers.Add(1))
	}
	c.fleet.delivered[i].Add(1)
	b := c.core.AcquireBatch()
	b.Positions = append(b.Positions, codec.Position{DeviceID: id, TS: base, Arrival: base})
	c.deliver(append(make([]*Batch, i), b))
	n := c.fleet.delivered[i].Load()
	if !eventually(func() bool { return c.core.workers[i].stats.devices.Load() >= n }) {
		c.t.Errorf("shard %d knows %d devices, want %d", i, c.core.workers[i].stats.devices.Load(), n)
	}
}

// correct marks the newest positions of some devices as faulty, or removes the marks,
// all in one command.
func (c *stressRun) correct(rng *rand.Rand) {
	if len(c.fleet.corrected) == 0 {
		return
	}
	var some []*tracker
	for _, i := range rng.Perm(len(c.fleet.corrected))[:min(len(c.fleet.corrected), 1+rng.IntN(4))] {
		some = append(some, c.fleet.corrected[i])
	}
	resume := c.fleet.pause(some)
	some = slices.DeleteFunc(some, func(d *tracker) bool { return d.newest.Load() == 0 || d.uncertain })
	var list []Correction
	if rng.IntN(3) > 0 { // the publishers wait until the correction is applied
		for _, d := range some {
			c.awaitInbox(c.core.ShardOf(d.id))
			newest, good := d.newest.Load(), d.lastGood(d.newest.Load(), rng)
			switch {
			case rng.IntN(4) == 0 && d.shown < newest: // remove the marks
				d.shown, d.banned = newest, nil
				list = append(list, d.correction(newest))
			case d.shown != good:
				d.markFaulty(good, newest)
				d.shown = good
				list = append(list, d.correction(good))
			}
		}
		c.sendCorrections(list)
		resume()
		return
	}
	var named [][]int64
	for _, d := range some {
		newest, good := d.newest.Load(), d.lastGood(d.newest.Load(), rng)
		d.markFaulty(good, newest)
		d.skipped.Store(newest) // what is in the inbox is late if the correction comes first
		d.uncertain = true
		list = append(list, d.correction(good))
		named = append(named, d.banned)
		d.banned = nil
	}
	resume()
	c.sendCorrections(list)
	resume = c.fleet.pause(some)
	for i, d := range some {
		d.banned = named[i]
	}
	resume()
}

// pause makes the publishers of some devices wait until resume is called.
func (f *fleet) pause(some []*tracker) (resume func()) {
	var paused []*publisher
	for _, p := range f.publishers { // always in the same order, so that there is no deadlock
		if slices.ContainsFunc(some, func(d *tracker) bool { return slices.Contains(p.devices, d) }) {
			p.mu.Lock()
			paused = append(paused, p)
		}
	}
	return func() {
		for _, p := range paused {
			p.mu.Unlock()
		}
	}
}

// correction returns the correction of d with which all numbers after good are faulty.
// It names the newest of them.
func (d *tracker) correction(good int64) Correction {
	newest := d.newest.Load()
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
	d.corrections = append(d.corrections, [3]int64{newest, good, int64(len(x.Faulty))})
	return x
}

func (c *stressRun) sendCorrections(list []Correction) {
	if err := c.core.Correct(context.Background(), list); err != nil {
		c.t.Errorf("correct: %v", err)
	}
}

// lastGood chooses the number to fall back to, 0 for none.
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

// finish publishes a position of each device whose state is uncertain, and waits until
// all shards have applied everything.
func (f *fleet) finish(c *stressRun) {
	batches := make([]*Batch, c.core.Shards())
	for _, d := range f.corrected {
		if d.uncertain {
			c.add(batches, c.advance(d))
		}
	}
	c.deliver(batches)
	for i := range batches {
		c.awaitInbox(i)
	}
}
