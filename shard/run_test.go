package shard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
)

// TestRunningCore lets shards, writers, a reader and a session run at the same
// time, each writer with connections that it leaves alone for a while. When the
// last position is out, every screen comes to show it without another push: no
// wake-up between shards and writers is lost.
func TestRunningCore(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { runCore(t, seed) })
	}
}

func runCore(t *testing.T, seed uint64) {
	const devices, connections, rounds = 20, 40, 300
	const last = int64(base + rounds)
	core, err := New(Config{Shards: 2, Writers: 2, Window: time.Millisecond, RingSlots: 8, FutureTolerance: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	core.slice = 3
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer func() { stop(); all.Wait() }()
	all.Go(func() { _ = core.Run(ctx) })
	ro, names := pairs(devices, 2)
	if err := core.Swap(ctx, ro); err != nil {
		t.Fatal(err)
	}
	shown := make(chan struct{}, connections)
	for q := range core.queues {
		rng := newRand(seed, uint64(q))
		all.Go(func() { eachTurn(ctx, core.Queue(q), func(c *Conn) { c.Owner.(*client).turn(rng, last, shown) }) })
	}
	all.Go(func() { arrive(t, core, connections) })
	for ts := int64(base); ts <= last; ts++ {
		for _, d := range names {
			b := core.AcquireBatch()
			b.Positions = append(b.Positions, codec.Position{DeviceID: d, TS: ts, Arrival: ts})
			if err := core.Deliver(ctx, core.ShardOf(d), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	late := time.After(30 * time.Second)
	for n := range connections {
		select {
		case <-shown:
		case <-late:
			t.Fatalf("%d of %d screens came to show the last positions", n, connections)
		}
	}
}

// arrive has connections come one after the other.
func arrive(t *testing.T, core *Core, n int) {
	r := &rig{t: t, core: core}
	for i := range n {
		c := &client{r: r, held: map[string]*Topic{}, screen: newScreen(t)}
		c.conn = core.NewConn(i%2, i%3 == 0, c)
		done := make(chan struct{})
		topic, _ := core.Watch(fmt.Sprintf("event-%05d", i%2))
		core.Subscribe(c.conn, topic, 0, func() { close(done) })
		select {
		case <-done:
		case <-core.ended:
			return
		}
	}
}

// eachTurn is a writer: it gives the connections that have something to send
// their turns until ctx ends.
func eachTurn(ctx context.Context, q *RunQueue, turn func(*Conn)) {
	for {
		select {
		case <-q.Wakeups():
		case <-ctx.Done():
			return
		}
		for list := takeAll(q); !list.Empty(); list = takeAll(q) {
			for c, ok := list.Next(); ok; c, ok = list.Next() {
				turn(c.conn)
			}
		}
	}
}

// turn is one without a socket: at random it takes a part only or leaves it for
// later, and it tells once when the screen shows the last positions.
func (c *client) turn(rng *rand.Rand, last int64, shown chan<- struct{}) {
	if rng.IntN(4) == 0 { // as one whose socket is full
		c.conn.active().Park().Unpark()
		return
	}
	if c.conn.Lagged() {
		c.recover()
	}
	for n := rng.IntN(8); n > 0; n-- {
		ch := c.conn.consumer().Take()
		if ch == nil {
			break
		}
		c.show(ch)
		c.conn.consumer().Release(ch)
	}
	if !c.finished && c.complete(last) {
		c.finished = true
		shown <- struct{}{}
	}
	if c.conn.active().Rest() {
		c.conn.active().Requeue()
	}
}

func (c *client) complete(last int64) bool {
	for _, devices := range c.screen.seen {
		n := 0
		for _, ts := range devices {
			if ts == last {
				n++
			}
		}
		return n == 10
	}
	return false
}
