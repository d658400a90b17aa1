package live

import (
	"sync/atomic"
	"testing"
	"time"
)

// withMaxAge gives connections a maximum age of what they have queued, and queues
// that are not full before it is reached.
func withMaxAge(bound time.Duration) func(*setup) {
	return func(su *setup) {
		su.shard.RingBytes = 64 << 20
		su.shard.RingSlots = 1 << 16
		su.live.RingMaxAge = bound
	}
}

// jumpingClock is a clock for a core that a test can set forward, instead of
// waiting.
type jumpingClock struct {
	start time.Time
	ahead atomic.Int64 // ns
}

func newJumpingClock() *jumpingClock { return &jumpingClock{start: time.Now()} }

func (c *jumpingClock) now() int64            { return int64(time.Since(c.start)) + c.ahead.Load() + 1 }
func (c *jumpingClock) jump(by time.Duration) { c.ahead.Add(int64(by)) }
func (c *jumpingClock) use(su *setup)         { su.shard.Now = c.now }

// queueBeyondSockets publishes until more is queued for s, whose client reads
// nothing, than its sockets hold.
func (f *feed) queueBeyondSockets(s *session) {
	f.r.t.Helper()
	for n := 0; ; n++ {
		f.publish()
		if _, bytes := s.conn.Queued(); bytes > 2*smallRing {
			return
		}
		if n > 2000 {
			f.r.t.Fatal("nothing stays in the queue of a client that reads nothing")
		}
	}
}

// A client that has not read for longer than the maximum age does not get what was
// queued meanwhile: its queue is dropped, although it is far from full.
func TestPositionsBeyondTheMaxAgeAreDropped(t *testing.T) {
	for _, enc := range encodings {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			const bound = time.Hour
			clock, devices := newJumpingClock(), deviceNames(20)
			f, w, s := startSlow(t, enc, map[string][]string{"e": devices}, withMaxAge(bound), clock.use)
			f.queueBeyondSockets(s)
			clock.jump(bound + f.r.core.Window())
			if s.conn.Lagged() {
				t.Error("the connection has lagged before the client reads, although its queue is not full")
			}
			f.awaitCaughtUp(w)
			if dropped, lagged := f.r.srv.m.expiries.Get(), len(w.laggedSnapshots("e")); dropped == 0 || lagged == 0 {
				t.Errorf("%d queues were dropped for their age and %d lagged snapshots came, want some of both", dropped, lagged)
			}
			f.publish() // the client follows again
			f.awaitCaughtUp(w)
			f.wantNoLoss()
			f.r.awaitHeldBytes(0)
		})
	}
}

// A client that takes a snapshot more slowly than the maximum age, however short
// that is, shows the newest positions in the end, and every update has come or is
// counted as left out.
func TestMaxAgeShorterThanASnapshotTakes(t *testing.T) {
	for _, enc := range encodings {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			f, w, _ := startSlow(t, enc, raceRoster(), withMaxAge(1), func(su *setup) { su.shard.Window = 0 })
			for range 5 {
				for range 40 {
					f.publish()
				}
				f.awaitCaughtUp(w)
			}
			f.r.awaitHeldBytes(0)
		})
	}
}
