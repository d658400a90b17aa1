package live

import (
	"context"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

func TestNextWindow(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name                      string
		window, base, most, sweep time.Duration
		crowded                   bool
		want                      time.Duration
	}{
		{"at rest nothing changes", 100 * ms, 100 * ms, 2000 * ms, 5 * ms, false, 100 * ms},
		{"a sweep longer than the window stretches it beyond the sweep", 100 * ms, 100 * ms, 2000 * ms, 160 * ms, false, 200 * ms},
		{"never beyond the most", 1800 * ms, 100 * ms, 2000 * ms, 1900 * ms, false, 2000 * ms},
		{"crowded inboxes stretch by a quarter", 100 * ms, 100 * ms, 2000 * ms, 20 * ms, true, 125 * ms},
		{"from a window of nothing", 0, 0, 2000 * ms, 0, true, 10 * ms},
		{"a short sweep with no window is no reason", 0, 0, 2000 * ms, 8 * ms, false, 0},
		{"back by a tenth when half would do", 200 * ms, 100 * ms, 2000 * ms, 90 * ms, false, 180 * ms},
		{"not back while it is needed", 200 * ms, 100 * ms, 2000 * ms, 110 * ms, false, 200 * ms},
		{"not below the base", 101 * ms, 100 * ms, 2000 * ms, 1 * ms, false, 100 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := nextWindow(c.window, c.base, c.most, c.sweep, c.crowded); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// While positions come faster than the shards take them in, the window grows
// for all; it comes back when they do.
func TestWindowFollowsTheLoad(t *testing.T) {
	const base, most = 5 * time.Millisecond, 200 * time.Millisecond
	devices := names(400)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) {
		su.shard.Window, su.shard.RingBytes = base, 64<<20
		su.live.WindowMax = most
	})
	s := r.spectator("batch=1")
	s.subscribe("e")
	stop := make(chan struct{})
	var flood sync.WaitGroup
	for range 20 { // more than half of an inbox holds
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
	testenv.Eventually(t, patience, "the window to grow", func() bool { return r.core.Window() > 4*base })
	if _, conflated := s.count("e"); conflated != 0 {
		t.Errorf("%d updates were left out before the window had grown", conflated)
	}
	close(stop)
	flood.Wait()
	testenv.Eventually(t, patience, "the window to come back", func() bool { return r.core.Window() == base })
	if got := s.subscribeAgain("e"); got.IntervalMs != int(base.Milliseconds()) {
		t.Errorf("the interval told is %d ms, want that of the base", got.IntervalMs)
	}
}

// flood delivers one batch to every shard, from any goroutine. The positions
// are as old as the devices' last ones at best, which costs the shard the same
// look and the spectators nothing.
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

// subscribeAgain asks for what is subscribed already.
func (s *spectator) subscribeAgain(event string) said {
	s.t.Helper()
	return s.answer(s.ask("subscribe", `,"topic":"event:`+event+`"`))
}
