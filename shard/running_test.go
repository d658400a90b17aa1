package shard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestRunningSchedule does everything at the same time on running shards. Publishers
// publish, the map is swapped, positions are marked faulty, and the window changes.
// Sessions subscribe, change the interval, unsubscribe and leave. The sockets of the
// writers accept everything, a little, or nothing for a while, and writers find that
// their queues are too old. Every frame is checked when it is read (see spectator). At
// the end each screen must equal the last-value table, and all chunks must have been
// released.
//
// PITWALL_SOAK and PITWALL_SEED work as for TestRandomSchedule, but a seed does not give
// the same schedule twice.
func TestRunningSchedule(t *testing.T) {
	seed, until := soak(t, rand.Uint64())
	played, seen := 0, &counters{}
	for ; played < 6 || time.Now().Before(until); played++ {
		runStress(t, seed, seen)
		if t.Failed() {
			t.Fatalf("seed %d, schedule %d", seed, played)
		}
		seed++
	}
	for what, n := range seen.all() {
		t.Logf("%d schedules: %s %d", played, what, n)
		if n == 0 && played > 100 { // a few schedules need not have everything
			t.Errorf("%d schedules from seed %d without %s", played, seed-uint64(played), what)
		}
	}
}

// counters counts what happened to spectators, over all schedules.
type counters struct{ lags, expired, dropped, lagged, corrected, renewed, paced, follows atomic.Int64 }

func (n *counters) all() map[string]int64 {
	return map[string]int64{
		"times lagged": n.lags.Load(), "of them by age": n.expired.Load(), "chunks dropped": n.dropped.Load(),
		"lagged snapshots": n.lagged.Load(), "corrected snapshots": n.corrected.Load(), "subscriptions renewed": n.renewed.Load(),
		"positions at an interval": n.paced.Load(), "positions that must follow the one before": n.follows.Load(),
	}
}

// timeout is how long a test waits for something that must happen.
const timeout = 20 * time.Second

// stressRun is a running core with everything that acts on it.
type stressRun struct {
	t        testing.TB
	core     *Core
	progress *progress
	events   []string
	fleet    *fleet
	counters *counters

	parked       sync.WaitGroup // goroutines that wait for a socket
	mu           sync.Mutex
	connected    []*spectator
	disconnected []*spectator
}

// nonFatalTB makes a testing.TB usable by goroutines other than the test's, which must
// not end the test.
type nonFatalTB struct{ testing.TB }

func (t nonFatalTB) Fatalf(format string, args ...any) { t.Errorf(format, args...) }
func (t nonFatalTB) Fatal(args ...any)                 { t.Error(args...) }

func newStressRun(t testing.TB, rng *rand.Rand) *stressRun {
	speed := []int64{1, 20}[rng.IntN(2)] // on a fast clock there are more ticks
	start := time.Now()
	cfg := Config{
		Shards:          []int{1, 2, 3, 5}[rng.IntN(4)],
		Writers:         1 + rng.IntN(3),
		FutureTolerance: 5 * time.Second,
		Deflate:         newDeflater,
		Now:             func() int64 { return int64(time.Since(start))*speed + 1 },
	}
	if rng.IntN(2) == 0 { // otherwise connections lag by age only
		cfg.RingSlots, cfg.RingBytes = 3+rng.IntN(8), 1<<(11+rng.IntN(5))
	}
	core, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	core.slice = 1 + rng.IntN(8)
	if rng.IntN(3) == 0 {
		core.rosterBytes = 1 << (6 + rng.IntN(5))
	}
	core.building = smallBuilds(rng)
	c := &stressRun{t: nonFatalTB{t}, core: core, progress: newProgress(), fleet: newFleet(rng, 6+rng.IntN(30))}
	for i := range 1 + rng.IntN(4) {
		c.events = append(c.events, fmt.Sprintf("e%d", i))
	}
	return c
}

func runStress(t *testing.T, seed uint64, seen *counters) {
	rng := newRand(seed, 11)
	c := newStressRun(t, rng)
	c.counters = seen
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	end := sync.OnceFunc(func() { stop(); all.Wait(); c.parked.Wait() })
	defer end()
	all.Go(func() { _ = c.core.Run(ctx) })
	for i := range c.core.queues {
		rng := newRand(seed, 100+uint64(i))
		all.Go(func() { eachTurn(ctx, c.core.Queue(i), func(k *Conn) { k.Owner.(*spectator).turn(rng) }) })
	}
	r := newRosterChanges(c, rng)
	r.swap()
	c.play(seed, rng, r)
	c.fleet.finish(c)
	want := c.table(r.members)
	c.awaitScreens(want)
	end()
	c.checkCore()
}

// play runs all actors until the publishers have published their share.
func (c *stressRun) play(seed uint64, rng *rand.Rand, r *rosterChanges) {
	var publishers, others sync.WaitGroup
	rounds := 100 + rng.IntN(200)
	for i, p := range c.fleet.publishers {
		publishers.Go(func() { p.publish(c, newRand(seed, 200+uint64(i)), rounds) })
	}
	act := func(stream uint64, batches int, act func(*rand.Rand)) {
		others.Go(func() {
			for rng := newRand(seed, stream); !c.progress.wait(rng.IntN(batches)); {
				act(rng)
			}
		})
	}
	act(1, 60, r.change)
	act(2, 30, c.correct)
	act(3, 90, func(rng *rand.Rand) {
		c.core.SetWindow([]time.Duration{0, time.Millisecond, 5 * time.Millisecond, 40 * time.Millisecond}[rng.IntN(4)])
	})
	for i := range 6 + rng.IntN(12) {
		s := newSession(c, newRand(seed, 300+uint64(i)))
		act(400+uint64(i), 16, s.act)
	}
	publishers.Wait()
	c.progress.finish()
	others.Wait()
}

// newRand returns a source of random numbers, one for each goroutine.
func newRand(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// table returns what the screens of each topic must show: the number of each device's
// position.
func (c *stressRun) table(members map[string]map[string]bool) map[string]map[string]int64 {
	want := map[string]map[string]int64{}
	for _, e := range c.events {
		m := map[string]int64{}
		for d := range members[e] {
			if k := c.fleet.byID[d].shown; k > 0 {
				m[d] = k
			}
		}
		want[TopicName(e)] = m
	}
	return want
}

// awaitScreens waits until every screen shows what is wanted and all chunks are
// released.
func (c *stressRun) awaitScreens(want map[string]map[string]int64) {
	wrong := func() string {
		for _, s := range c.connected {
			if w := s.differs(want); w != "" {
				return w
			}
			if n, b := s.conn.Queued(); n > 0 || s.conn.Lagged() || s.conn.recovering.Load() {
				return fmt.Sprintf("spectator %d: %d chunks, %d bytes queued; lagged %v", s.id, n, b, s.conn.Lagged())
			}
		}
		if n := c.core.Stats().OutstandingBytes; n != 0 {
			return fmt.Sprintf("%d bytes of chunks are not released", n)
		}
		return ""
	}
	if !eventually(func() bool { return c.t.Failed() || wrong() == "" }) {
		c.t.Errorf("at rest: %s", wrong())
	}
}

// checkCore checks the state of a core that has ended.
func (c *stressRun) checkCore() {
	for _, s := range append(c.connected, c.disconnected...) {
		if n, b := s.conn.Queued(); n != 0 || b != 0 {
			c.t.Errorf("spectator %d: %d chunks, %d bytes left on the account", s.id, n, b)
		}
	}
	for _, w := range c.core.workers {
		for id, d := range w.devices {
			t := c.fleet.byID[id]
			if t == nil {
				continue // a marker: see awaitInbox
			}
			shown := t.shown
			if has := d.val != nil; has != (shown > 0) || has && d.shown.mark != timeOf(shown) {
				c.t.Errorf("the table has device %s at %d (value: %v), want %d", id, d.shown.mark-base, has, timeOf(shown)-base)
			}
			for _, k := range t.banned {
				if s := t.stamp(k); !d.bans.has(s.TS, s.Arrival) {
					c.t.Errorf("device %s: %d is not banned; corrections %v", id, k, t.corrections)
				}
			}
			if d.val != nil && d.val.refs != 1 {
				c.t.Errorf("device %s: its value has %d references at rest", id, d.val.refs)
			}
		}
	}
}

// eventually waits until a condition holds. It returns false after the timeout.
func eventually(holds func() bool) bool {
	deadline, tick := time.After(timeout), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
	return true
}

// progress is the clock of a stressRun: it counts published batches.
type progress struct {
	mu   sync.Mutex
	cond *sync.Cond
	n    int
	over bool
}

func newProgress() *progress {
	p := &progress{}
	p.cond = sync.NewCond(&p.mu)
	return p
}

func (p *progress) advance() {
	p.mu.Lock()
	p.n++
	p.mu.Unlock()
	p.cond.Broadcast()
}

// finish ends all waiting.
func (p *progress) finish() {
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.cond.Broadcast()
}

// wait waits for a number of batches. It reports whether the run is over.
func (p *progress) wait(batches int) (over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for until := p.n + batches; p.n < until && !p.over; {
		p.cond.Wait()
	}
	return p.over
}
