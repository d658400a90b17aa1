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

// Shards, writers, a reader and sessions run at the same time. Each writer leaves some
// connections for later. After the last position, every screen shows it without another
// push, so no wake-up between shards and writers was lost.
func TestRunningCoreLosesNoWakeup(t *testing.T) {
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
	all.Go(func() { connect(t, core, connections) })
	for ts := int64(base); ts <= last; ts++ {
		for _, d := range names {
			b := core.AcquireBatch()
			b.Positions = append(b.Positions, codec.Position{DeviceID: d, TS: ts, Arrival: ts})
			if err := core.Deliver(ctx, core.ShardOf(d), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	deadline := time.After(30 * time.Second)
	for n := range connections {
		select {
		case <-shown:
		case <-deadline:
			t.Fatalf("%d of %d screens show the last positions", n, connections)
		}
	}
}

// connect makes n connections one after the other and subscribes them.
func connect(t *testing.T, core *Core, n int) {
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

// eachTurn is a writer. Until ctx ends, it gives a turn to each connection that has
// something to send.
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

// turn is a turn without a socket. At random it reads a part only, or leaves everything for
// later. It signals shown once, when the screen shows the last positions.
func (c *client) turn(rng *rand.Rand, last int64, shown chan<- struct{}) {
	if rng.IntN(4) == 0 { // the socket is full
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
