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

// TestRunningSchedule lets everything go on at once on running shards:
// publishers, a map that is swapped, points that are marked faulty, windows
// that change, sessions that subscribe, change the interval, unsubscribe and
// leave, and writers whose sockets take everything, a little, or nothing for a
// while, and that find their queues too old. Every frame is checked as it comes
// (see spectator); in the end each screen must equal the last-value table, and
// all chunks must have been released.
//
// PITWALL_SOAK and PITWALL_SEED are as for TestRandomSchedule, but a seed does
// not play the same twice.
func TestRunningSchedule(t *testing.T) {
	seed, until := soak(t, rand.Uint64())
	played, seen := 0, &tally{}
	for ; played < 6 || time.Now().Before(until); played++ {
		runCourse(t, seed, seen)
		if t.Failed() {
			t.Fatalf("seed %d, schedule %d", seed, played)
		}
		seed++
	}
	for what, n := range seen.all() {
		t.Logf("%d schedules: %s %d", played, what, n)
		if n == 0 && played > 100 { // a few may do without
			t.Errorf("%d schedules from seed %d without %s", played, seed-uint64(played), what)
		}
	}
}

// tally counts what spectators have met with, over all schedules.
type tally struct{ lags, expiries, dropped, lagged, corrected, renewed, paced, follows atomic.Int64 }

func (n *tally) all() map[string]int64 {
	return map[string]int64{
		"times lagged": n.lags.Load(), "of them by age": n.expiries.Load(), "chunks dropped": n.dropped.Load(),
		"lagged snapshots": n.lagged.Load(), "corrected snapshots": n.corrected.Load(), "subscriptions renewed": n.renewed.Load(),
		"positions at an interval": n.paced.Load(), "positions that must follow the one before": n.follows.Load(),
	}
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// course is one core with everything going on at once.
type course struct {
	t        testing.TB
	core     *Core
	progress *progress
	events   []string
	fleet    *fleet
	tally    *tally

	parked sync.WaitGroup // goroutines that wait for a socket
	mu     sync.Mutex
	here   []*spectator
	gone   []*spectator
}

// eachOnItsOwn makes t usable by goroutines other than the test's, which must not end
// the test.
type eachOnItsOwn struct{ testing.TB }

func (t eachOnItsOwn) Fatalf(format string, args ...any) { t.Errorf(format, args...) }
func (t eachOnItsOwn) Fatal(args ...any)                 { t.Error(args...) }

func newCourse(t testing.TB, rng *rand.Rand) *course {
	speed := []int64{1, 20}[rng.IntN(2)] // intervals come to pass more often on a fast clock
	start := time.Now()
	cfg := Config{
		Shards:          []int{1, 2, 3, 5}[rng.IntN(4)],
		Writers:         1 + rng.IntN(3),
		FutureTolerance: 5 * time.Second,
		Deflate:         newFlater,
		Now:             func() int64 { return int64(time.Since(start))*speed + 1 },
	}
	if rng.IntN(2) == 0 { // else nobody lags but by age
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
	c := &course{t: eachOnItsOwn{t}, core: core, progress: newProgress(), fleet: newFleet(rng, 6+rng.IntN(30))}
	for i := range 1 + rng.IntN(4) {
		c.events = append(c.events, fmt.Sprintf("e%d", i))
	}
	return c
}

func runCourse(t *testing.T, seed uint64, seen *tally) {
	rng := own(seed, 11)
	c := newCourse(t, rng)
	c.tally = seen
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	end := sync.OnceFunc(func() { stop(); all.Wait(); c.parked.Wait() })
	defer end()
	all.Go(func() { _ = c.core.Run(ctx) })
	for i := range c.core.queues {
		rng := own(seed, 100+uint64(i))
		all.Go(func() { eachTurn(ctx, c.core.Queue(i), func(k *Conn) { k.Owner.(*spectator).turn(rng) }) })
	}
	r := newMapChanges(c, rng)
	r.swap()
	c.play(seed, rng, r)
	c.fleet.finish(c)
	want := c.table(r.members)
	c.settled(want)
	end()
	c.audit()
}

// play runs all actors until the publishers have published their share.
func (c *course) play(seed uint64, rng *rand.Rand, r *mapChanges) {
	var publishers, others sync.WaitGroup
	rounds := 100 + rng.IntN(200)
	for i, p := range c.fleet.publishers {
		publishers.Go(func() { p.publish(c, own(seed, 200+uint64(i)), rounds) })
	}
	act := func(stream uint64, batches int, act func(*rand.Rand)) {
		others.Go(func() {
			for rng := own(seed, stream); !c.progress.wait(rng.IntN(batches)); {
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
		s := newSession(c, own(seed, 300+uint64(i)))
		act(400+uint64(i), 16, s.act)
	}
	publishers.Wait()
	c.progress.finish()
	others.Wait()
}

// own returns the random numbers of one actor.
func own(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// table is what each event's screens must show: device -> number of its
// position.
func (c *course) table(members map[string]map[string]bool) map[string]map[string]int64 {
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

// settled waits until every screen shows that, and until all chunks are released.
func (c *course) settled(want map[string]map[string]int64) {
	wrong := func() string {
		for _, s := range c.here {
			if w := s.differs(want); w != "" {
				return w
			}
			if n, b := s.conn.Queued(); n > 0 || s.conn.Lagged() || s.conn.recovering.Load() {
				return fmt.Sprintf("spectator %d: %d chunks, %d bytes to come; lagged %v", s.id, n, b, s.conn.Lagged())
			}
		}
		if n := c.core.Stats().Held; n != 0 {
			return fmt.Sprintf("%d bytes of chunks are still out", n)
		}
		return ""
	}
	if !eventually(func() bool { return c.t.Failed() || wrong() == "" }) {
		c.t.Errorf("at rest: %s", wrong())
	}
}

// audit looks at what a core that has ended holds.
func (c *course) audit() {
	for _, s := range append(c.here, c.gone...) {
		if n, b := s.conn.Queued(); n != 0 || b != 0 {
			c.t.Errorf("spectator %d: %d chunks, %d bytes left on the account", s.id, n, b)
		}
	}
	for _, w := range c.core.workers {
		for id, d := range w.devices {
			t := c.fleet.byID[id]
			if t == nil {
				continue // a mark
			}
			shown := t.shown
			if has := d.val != nil; has != (shown > 0) || has && d.shown.mark != timeOf(shown) {
				c.t.Errorf("the table has device %s at %d (value: %v), want %d", id, d.shown.mark-base, has, timeOf(shown)-base)
			}
			for _, k := range t.banned {
				if s := t.stamp(k); !d.bans.has(s.TS, s.Arrival) {
					c.t.Errorf("device %s: %d is not banned; told %v", id, k, t.told)
				}
			}
			if d.val != nil && d.val.refs != 1 {
				c.t.Errorf("device %s: its value has %d references at rest", id, d.val.refs)
			}
		}
	}
}

// eventually waits until a condition holds; false says that it never did.
func eventually(holds func() bool) bool {
	late, look := time.After(patience), time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-late:
			return false
		}
	}
	return true
}

// progress is how the actors of a course measure time: in batches published.
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

// wait waits for so many batches; it reports whether the course is over.
func (p *progress) wait(batches int) (over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for until := p.n + batches; p.n < until && !p.over; {
		p.cond.Wait()
	}
	return p.over
}
