package shard

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pitwall/codec"
)

// report delivers a position of each device, one batch to each shard.
func (r *rig) report(devices []string) {
	r.t.Helper()
	batches := make([]*Batch, r.core.Shards())
	for i := range batches {
		batches[i] = r.core.AcquireBatch()
	}
	for _, id := range devices {
		to := batches[r.core.ShardOf(id)]
		to.Positions = append(to.Positions, codec.Position{DeviceID: id, TS: r.wall, Arrival: r.wall, Lat: 50.1234567, Lon: 8.1234567,
			Has: codec.HasSpeed | codec.HasCourse, Speed: 100.5, Course: 180})
	}
	for i, b := range batches {
		if err := r.core.Deliver(context.Background(), i, b); err != nil {
			r.t.Fatal(err)
		}
	}
}

// numbered returns n ids of devices.
func numbered(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s%d", prefix, i))
	}
	return ids
}

// wantNeverLagged fails if c has lagged.
func (c *client) wantNeverLagged(t *testing.T) {
	t.Helper()
	want(t, "has lagged", c.lagged, false)
	want(t, "pushes refused", c.r.core.Stats().Overflows, uint64(0))
}

// livePositions counts the positions that c got outside of snapshots.
func (c *client) livePositions() (n int) {
	for _, f := range c.screen.all {
		switch f.Type {
		case "position":
			n++
		case "positions":
			n += len(f.Positions)
		}
	}
	return n
}

// A connection that takes each flush before the next one does not lag, even if a flush
// from two shards is several times its bound.
func TestFastReaderOfLargeFlushesDoesNotLag(t *testing.T) {
	for _, batch := range []bool{false, true} {
		r := newRig(t, Config{Shards: 2})
		ids := numbered("d", 4000)
		r.roster(map[string][]string{"e": ids})
		c := r.subscriber("e", batch, 0)
		c.read()
		const windows = 8
		for n := range windows {
			r.report(ids)
			r.settle()
			c.read()
			r.pass(100 * time.Millisecond)
			r.settle()
			if _, size := c.conn.Queued(); size < 3*int(r.core.maxBytes)/2 && n > 0 {
				t.Fatalf("a flush has %d bytes with a bound of %d: this test shows nothing", size, r.core.maxBytes)
			}
			c.read()
		}
		c.wantNeverLagged(t)
		want(t, "positions that came live", c.livePositions(), windows*len(ids))
	}
}

// The window may be set to any length, and becomes longer under load. What comes within
// one window does not make a connection lag.
func TestFastReaderOfLongWindowsDoesNotLag(t *testing.T) {
	for _, window := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second} {
		r := newRig(t, Config{Shards: 2, Window: window})
		ids := numbered("d", 1500)
		r.roster(map[string][]string{"e": ids})
		c := r.subscriber("e", true, 0)
		c.read()
		const steps = 20
		for n := range 10 * steps { // each device once a second
			r.report(ids[n%steps*len(ids)/steps : (n%steps+1)*len(ids)/steps])
			r.settle()
			c.read()
			r.pass(time.Second / steps)
			r.settle()
			c.read()
		}
		r.pass(window)
		r.settle()
		c.read()
		c.wantNeverLagged(t)
		want(t, "positions that came live", c.livePositions(), 10*len(ids))
	}
}

// A dashboard subscribes to many topics with an interval, and their ticks come at the same
// time. Bytes and chunks that are due together do not make the connection lag.
func TestFastReaderOfManyTopicsDoesNotLag(t *testing.T) {
	for _, bounds := range []Config{{}, {RingSlots: 8}} {
		bounds.Shards = 2
		r := newRig(t, bounds)
		roster, ids := map[string][]string{}, []string(nil)
		for e := range 60 {
			event := fmt.Sprintf("e%d", e)
			roster[event] = numbered(event+"-", 50)
			ids = append(ids, roster[event]...)
		}
		r.roster(roster)
		c := r.client(true)
		for event := range roster {
			c.subscribe(event, time.Second)
			r.settle()
			c.read()
		}
		r.now = nextTick(r.now, classOf(time.Second))
		r.settle()
		newest := map[string]int64{}
		const seconds, steps = 8, 10
		for n := range seconds * steps { // each device once a second
			some := ids[n%steps*len(ids)/steps : (n%steps+1)*len(ids)/steps]
			r.report(some)
			for _, id := range some {
				newest[id] = r.wall
			}
			r.pass(time.Second / steps)
			r.settle()
			c.read()
		}
		r.pass(time.Second)
		r.settle()
		c.read()
		c.wantNeverLagged(t)
		for event, devices := range roster {
			for _, d := range devices {
				if at := c.screen.seen["event:"+event][d]; at != newest[d] {
					t.Fatalf("%s: %s is shown at %d, want %d", event, d, at, newest[d])
				}
			}
		}
	}
}

// A connection whose queue does not fall below the bound between two flushes lags at the
// second one. Its queue never exceeds the two flushes and the bound.
func TestQueueOfAStoppedReaderIsBounded(t *testing.T) {
	r := newRig(t, Config{Shards: 2})
	ids := numbered("d", 4000)
	r.roster(map[string][]string{"e": ids})
	c, fast := r.client(true), r.client(true)
	for _, one := range []*client{c, fast} {
		one.subscribe("e", 0)
		r.settle()
		one.read()
	}
	flush := 0
	for n := range 20 {
		r.report(ids)
		r.settle()
		fast.read()
		r.pass(100 * time.Millisecond)
		r.settle()
		_, size := fast.conn.Queued()
		flush = max(flush, size)
		fast.read()
		_, queued := c.conn.Queued()
		if most := int(r.core.maxBytes) + 2*flush; queued > most {
			t.Fatalf("flush %d: %d bytes are queued, want at most %d", n, queued, most)
		}
		if held, most := r.core.inUseBytes(), int64(r.core.maxBytes)+4*int64(flush); held > most { // chunks have room to grow
			t.Fatalf("flush %d: %d bytes of memory are in use, want at most %d", n, held, most)
		}
		if n > 2 && !c.conn.Lagged() {
			t.Fatalf("flush %d: does not lag with %d bytes unread", n, queued)
		}
	}
	want(t, "the other has lagged", fast.lagged, false)
	r.readUntilRecovered(c)
	fast.read()
	want(t, "devices on the screen", len(c.screen.seen["event:e"]), len(ids))
	if held := r.core.Stats().OutstandingBytes; held != 0 {
		t.Errorf("%d bytes are not released at rest", held)
	}
}

// Several goroutines push a flush that exceeds the bound of the connection. Its writer
// takes chunks at the same time, and the next flush comes a window later. In no
// interleaving does the connection lag. When the writer stops, it lags at the second
// flush at the latest.
func TestFlushesStress(t *testing.T) {
	const producers, perFlush, flushes = 4, 5, 2000
	var now atomic.Int64
	now.Store(1)
	core, err := New(Config{Window: 100 * time.Millisecond, RingSlots: 3, Now: now.Load})
	if err != nil {
		t.Fatal(err)
	}
	c := core.NewConn(0, false, nil)
	flush := func() (pushed *sync.WaitGroup) {
		pushed = new(sync.WaitGroup)
		for range producers {
			pushed.Go(func() {
				for range perFlush {
					c.offer(&Chunk{body: make([]byte, 10)}, c.epoch())
				}
			})
		}
		return pushed
	}
	for n := range flushes {
		pushed := flush()
		for taken := 0; taken < producers*perFlush; {
			ch := c.consumer().Take()
			if ch == nil {
				if c.Lagged() {
					t.Fatalf("flush %d: lags with %d chunks taken", n, taken)
				}
				continue
			}
			c.consumer().Release(ch)
			taken++
		}
		pushed.Wait()
		now.Add(int64(core.Window()))
	}
	flush().Wait()
	now.Add(int64(core.Window()))
	flush().Wait()
	if n, _ := c.Queued(); n > producers*perFlush || !c.Lagged() {
		t.Errorf("a writer that has stopped has %d chunks queued, lagged: %v; want at most %d", n, c.Lagged(), producers*perFlush)
	}
}
