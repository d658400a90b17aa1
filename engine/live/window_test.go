package live

import (
	"context"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
)

func TestNextWindow(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name                     string
		window, base, most, pass time.Duration
		crowded                  bool
		want                     time.Duration
	}{
		{"a short pass changes nothing", 100 * ms, 100 * ms, 2000 * ms, 5 * ms, false, 100 * ms},
		{"a pass longer than the window makes it longer than the pass", 100 * ms, 100 * ms, 2000 * ms, 160 * ms, false, 200 * ms},
		{"not above the maximum", 1800 * ms, 100 * ms, 2000 * ms, 1900 * ms, false, 2000 * ms},
		{"crowded inboxes make it longer by a quarter", 100 * ms, 100 * ms, 2000 * ms, 20 * ms, true, 125 * ms},
		{"crowded inboxes, from a window of 0", 0, 0, 2000 * ms, 0, true, 10 * ms},
		{"a short pass, with a window of 0", 0, 0, 2000 * ms, 8 * ms, false, 0},
		{"shorter by a tenth when half of it would do", 200 * ms, 100 * ms, 2000 * ms, 90 * ms, false, 180 * ms},
		{"not shorter while it is needed", 200 * ms, 100 * ms, 2000 * ms, 110 * ms, false, 200 * ms},
		{"not below the base", 101 * ms, 100 * ms, 2000 * ms, 1 * ms, false, 100 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := nextWindow(c.window, c.base, c.most, c.pass, c.crowded); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// While positions come faster than the shards apply them, the window grows. Later it
// comes back.
func TestWindowFollowsTheLoad(t *testing.T) {
	const base, most = 5 * time.Millisecond, 200 * time.Millisecond
	devices := deviceNames(400)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) {
		su.shard.Window, su.shard.RingBytes = base, 64<<20
		su.live.WindowMax = most
	})
	s := r.watch("batch=1", "e")
	stop := make(chan struct{})
	var flood sync.WaitGroup
	for range 20 { // more than half of the capacity of an inbox
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					r.flood(devices)
				}
			}
		})
	}
	eventually(t, "the window to grow", func() bool { return r.core.Window() > 4*base })
	if _, conflated := s.count("e"); conflated != 0 {
		t.Errorf("%d updates were left out before the window had grown, want 0", conflated)
	}
	close(stop)
	flood.Wait()
	eventually(t, "the window to come back", func() bool { return r.core.Window() == base })
	eventually(t, "an answer with the interval of the base window", func() bool {
		return s.subscribeAgain("e").IntervalMs == int(base.Milliseconds())
	})
}

// flood delivers one batch to every shard. Any goroutine may call it. The positions
// are not newer than the devices' last ones, so the shards have the work of looking
// at them, and nothing is sent to spectators.
func (r *rig) flood(devices []string) {
	for i := range r.core.Shards() {
		b := r.core.AcquireBatch()
		for range 20 {
			for _, d := range devices {
				if r.core.ShardOf(d) == i {
					b.Positions = append(b.Positions, codec.Position{DeviceID: d, TS: 1, Arrival: 1, Lat: latOf(1)})
				}
			}
		}
		if err := r.core.Deliver(context.Background(), i, b); err != nil {
			r.t.Error(err)
		}
	}
}
