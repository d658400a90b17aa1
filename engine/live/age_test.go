package live

import (
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// aged gives connections queues that take long to be full, small sockets, and
// a bound of age.
func aged(bound time.Duration) func(*setup) {
	return func(su *setup) {
		tight(su)
		su.shard.RingBytes = 64 << 20
		su.shard.RingSlots = 1 << 16
		su.live.RingMaxAge = bound
	}
}

// A client that has not read for longer than the bound does not get what has
// waited for it meanwhile: its queue is dropped although it is far from full.
func TestPositionsBeyondTheMaxAgeAreDropped(t *testing.T) {
	for _, shape := range shapesOf {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			const bound = time.Second
			devices := names(20)
			r := start(t, map[string][]string{"e": devices}, aged(bound))
			f := r.flowOf("e", shape.query, devices)
			w := r.slow(shape.query, shape.headers...)
			w.subscribe("e")
			s := r.newest()
			for n := 0; ; n++ { // more than the sockets take
				f.step()
				if _, bytes := s.conn.Queued(); bytes > 2*tightRing {
					break
				}
				if n > 2000 {
					t.Fatal("nothing stays in the queue of a client that reads nothing")
				}
			}
			last := r.core.Now()
			testenv.Eventually(t, patience, "all of it to be too old", func() bool { return r.core.Now()-last > int64(bound+r.core.Window()) })
			if s.conn.Lagged() {
				t.Error("lagged although the queue is not full and nobody has read")
			}
			f.level(w)
			if r.srv.m.expiries.Get() == 0 || len(w.lagged("e")) == 0 {
				t.Errorf("%d queues dropped for their age, %d lagged snapshots", r.srv.m.expiries.Get(), len(w.lagged("e")))
			}
			f.step() // and then it follows again
			f.level(w)
			f.whole()
			r.held(0)
		})
	}
}

// However short the bound is, a client that takes its snapshots more slowly than
// that shows the newest in the end, and every update is shown or counted as left out.
func TestMaxAgeShorterThanASnapshotTakes(t *testing.T) {
	for _, shape := range shapesOf {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			devices := names(20)
			r := start(t, map[string][]string{"e": devices}, aged(1), func(su *setup) { su.shard.Window = 0 })
			f := r.flowOf("e", shape.query, devices)
			w := r.slow(shape.query, shape.headers...)
			w.subscribe("e")
			for range 5 {
				for range 40 {
					f.step()
				}
				f.level(w)
			}
			r.held(0)
		})
	}
}
