package shard

import (
	"context"
	"testing"
	"time"

	"pitwall/codec"
)

// rig drives a core by hand. The test gives each shard its turns and moves the clock, so
// it can choose any interleaving of turns.
type rig struct {
	t    testing.TB
	core *Core
	now  int64
	wall int64 // ms, the arrival of the next position
	seq  uint64

	parsed parsedFrames
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	r := &rig{t: t, now: 1, wall: 1_700_000_000_000}
	cfg.Now = func() int64 { return r.now }
	cfg.Wall = func() int64 { return r.wall }
	if cfg.Window == 0 {
		cfg.Window = 100 * time.Millisecond
	}
	cfg.FutureTolerance = 5 * time.Second
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.core = c
	return r
}

// running returns a core with a map whose shards run until the end of the test.
func running(tb testing.TB, cfg Config, pairs ...Pair) (*Core, context.Context) {
	core, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- core.Run(ctx) }()
	tb.Cleanup(func() { stop(); <-ended })
	if err := core.Swap(ctx, Roster{Pairs: pairs}); err != nil {
		tb.Fatal(err)
	}
	return core, ctx
}

// pass moves the clock without giving a turn.
func (r *rig) pass(d time.Duration) {
	r.now += int64(d)
	r.wall += d.Milliseconds()
}

// settle gives every shard turns until there is nothing left to do at this time.
func (r *rig) settle() {
	for range 2 { // the second time for what the shards have sent each other
		for _, w := range r.core.workers {
			r.turn(w.id)
			for w.turn(nil) <= r.now {
			}
		}
	}
}

// turn gives shard i one turn for each batch in its inbox, and one more.
func (r *rig) turn(i int) {
	w := r.core.workers[i]
	for {
		select {
		case b := <-w.batches:
			w.turn(b)
			continue
		default:
		}
		break
	}
	w.turn(nil)
}

// roster swaps in a map, event -> devices, and settles. Events may be empty.
func (r *rig) roster(m map[string][]string) {
	r.t.Helper()
	r.swap(m)
	r.settle()
}

// swap does the same without settling: the turns to come apply the map.
func (r *rig) swap(m map[string][]string) {
	r.t.Helper()
	var ro Roster
	for e, ds := range m {
		ro.Events = append(ro.Events, e)
		for _, d := range ds {
			ro.Pairs = append(ro.Pairs, Pair{d, e})
		}
	}
	r.swapRoster(ro)
}

// endedContext is for Swap, Correct and RestoreClocks. They wait for the shards, which
// the goroutine of the test turns itself. With a context that has ended they return at
// once, and the turns to come carry the command out.
var endedContext = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (r *rig) swapRoster(ro Roster) {
	r.t.Helper()
	if err := r.core.Swap(endedContext, ro); err == nil {
		r.t.Fatal("Swap did not wait for the shards")
	}
}

// swapped reports whether every shard has applied the last map.
func (r *rig) swapped() bool {
	select {
	case <-r.core.swapping:
		return true
	default:
		return false
	}
}

// send delivers one position to its shard, which applies it in its next turn.
func (r *rig) send(device string, ts int64) {
	r.sendPosition(codec.Position{DeviceID: device, TS: ts, Arrival: r.wall, Lat: float64(ts % 90), Lon: 1})
}

func (r *rig) sendPosition(p codec.Position) {
	r.t.Helper()
	if r.seq++; p.Seq == 0 {
		p.Seq = r.seq
	}
	b := r.core.AcquireBatch()
	b.Positions = append(b.Positions, p)
	if err := r.core.Deliver(context.Background(), r.core.ShardOf(p.DeviceID), b); err != nil {
		r.t.Fatal(err)
	}
}
