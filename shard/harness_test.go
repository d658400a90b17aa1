package shard

import (
	"context"
	"testing"
	"time"

	"pitwall/codec"
)

// rig drives a core by hand: its shards are turned one by one on a clock that
// the test moves, so every interleaving of turns can be written down.
type rig struct {
	t    testing.TB
	core *Core
	now  int64
	wall int64 // ms; arrival of the next position
	seq  uint64
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	r := &rig{t: t, now: 1, wall: 1_700_000_000_000}
	cfg.Now = func() int64 { return r.now }
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

// running is a core whose shards run until the end of the test, with a map.
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

// pass lets time go by, without a turn.
func (r *rig) pass(d time.Duration) {
	r.now += int64(d)
	r.wall += d.Milliseconds()
}

// settle turns every shard until nothing is left to do now.
func (r *rig) settle() {
	for range 2 { // once more: what the turns of the others have sent
		for _, w := range r.core.workers {
			r.turn(w.id)
			for w.turn(nil) <= r.now {
			}
		}
	}
}

// turn gives shard i one turn per batch that waits, and one more.
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

// roster puts a map in force: event -> devices. Events may be empty.
func (r *rig) roster(m map[string][]string) {
	r.t.Helper()
	r.swap(m)
	r.settle()
}

// swap does the same, but leaves applying the map to the turns to come.
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

// send delivers one position to its shard; it is not taken in before a turn.
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
