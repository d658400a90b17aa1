package shard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Config sizes a Core. The zero value of a field means its default.
type Config struct {
	Shards          int           // worker shards, 1 to 64; default 2
	Writers         int           // run queues, 1 to 64; default 2
	Window          time.Duration // least time between two flushes of a topic; 0 flushes at once
	FutureTolerance time.Duration // how far a device's clock may run ahead of arrival; 0 for not at all
	RingBytes       int           // unsent bytes at which a connection is full if it stays there for a window, 1 KiB to 1 GiB; default 256 KiB
	RingSlots       int           // the same for unsent chunks, 2 to 65536; default 1024
	MaxOrphans      int           // devices in no event that are remembered, 1 to 2^24; default 10000

	// DeviceRate and DeviceBytes are how many positions, and bytes of positions, of
	// one device are shown per second on average. Beyond that, only the newest is
	// shown, as soon as the limit allows. 0: no limit.
	DeviceRate, DeviceBytes int
	// MaxAttributes bounds the attributes of a position that are shown, in bytes of
	// JSON. Longer ones are left out of the position. 0: no bound.
	MaxAttributes int
	// ClockChanged is called when a device's clock is found to have fallen back, or
	// to be right again. Several goroutines call it within turns, so it must not
	// block. Default: none.
	ClockChanged func(Clock)
	// Deflate makes a shard's Deflater. Default: nothing is compressed.
	Deflate func() Deflater
	// Now is the core's clock: monotonic, in ns from any origin above 0.
	// Default: time since New.
	Now func() int64
	// Wall is this machine's clock, in ms since the Unix epoch. Default: the system's.
	Wall func() int64
}

func (c *Config) defaults() error {
	for _, f := range []struct {
		name        string
		v           *int
		or, lo, top int
	}{
		{"Shards", &c.Shards, 2, 1, 64},
		{"Writers", &c.Writers, 2, 1, 64},
		{"RingBytes", &c.RingBytes, 256 << 10, 1 << 10, 1 << 30},
		{"RingSlots", &c.RingSlots, 1024, 2, 1 << 16},
		{"MaxOrphans", &c.MaxOrphans, 10000, 1, 1 << 24},
	} {
		if *f.v == 0 {
			*f.v = f.or
		}
		if *f.v < f.lo || *f.v > f.top {
			return fmt.Errorf("shard: %s is %d, allowed is %d to %d", f.name, *f.v, f.lo, f.top)
		}
	}
	if c.Window < 0 || c.FutureTolerance < 0 {
		return errors.New("shard: Window and FutureTolerance must not be negative")
	}
	if c.DeviceRate < 0 || c.DeviceBytes < 0 || c.MaxAttributes < 0 {
		return errors.New("shard: DeviceRate, DeviceBytes and MaxAttributes must not be negative")
	}
	if c.ClockChanged == nil {
		c.ClockChanged = func(Clock) {}
	}
	if c.Wall == nil {
		c.Wall = func() int64 { return time.Now().UnixMilli() }
	}
	if c.Now == nil {
		start := time.Now()
		c.Now = func() int64 { return int64(time.Since(start)) + 1 }
	}
	return nil
}

// Core is the fan-out: worker shards, topics, and the run queues of the
// writers. Make it with New, then Run it.
type Core struct {
	now, wall   func() int64
	window      atomic.Int64 // ns; written by SetWindow, read by the shards
	tolerance   int64        // ms
	maxBytes    uint64
	maxSlots    uint64
	maxOrphans  int // per shard
	slice       int // pushes in a slice of a broadcast; slicePushes except in tests
	building    buildBounds
	rosterBytes int // of a topic shard's roster log; maxRosterBytes except in tests

	difference   atomic.Int64 // this machine's clock minus the Redis server's, ms; see SetClock
	completeFrom atomic.Int64 // see BeginHistory
	historyBytes int          // of a shard's histories; maxHistoryBytes except in tests

	recordCost, byteCost int64 // ns of a device's limit that a position and a byte take; 0 for no limit
	maxAttributes        int   // bytes; 0 for any
	clockChanged         func(Clock)

	snapshot atomic.Pointer[Snapshot] // written by Swap, read by everybody
	swapping latch                    // of the last Swap, open once the shards have applied it; Swap's own

	orders  atomic.Uint32 // numbers subscribes
	workers []*worker
	queues  []*RunQueue
	batches sync.Pool
	memory  memory        // of the chunks of all shards
	ended   chan struct{} // closed when Run returns

	mu     sync.Mutex // guards topics, Topic.watchers and writes of snapshot: subscribing and swapping, never the fan-out
	topics map[string]*Topic
}

// New makes a Core with an empty map. It starts nothing.
func New(cfg Config) (*Core, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	c := &Core{
		now: cfg.Now, wall: cfg.Wall,
		tolerance:  cfg.FutureTolerance.Milliseconds(),
		maxBytes:   uint64(cfg.RingBytes),
		maxSlots:   uint64(cfg.RingSlots),
		maxOrphans: max(1, cfg.MaxOrphans/cfg.Shards),
		slice:      slicePushes,
		recordCost: cost(cfg.DeviceRate), byteCost: cost(cfg.DeviceBytes),
		maxAttributes: cfg.MaxAttributes, clockChanged: cfg.ClockChanged,
		building:    defaultBounds,
		rosterBytes: maxRosterBytes, historyBytes: maxHistoryBytes,
		swapping: newLatch(),
		ended:    make(chan struct{}),
		topics:   make(map[string]*Topic),
	}
	c.window.Store(int64(cfg.Window))
	c.completeFrom.Store(noHistory)
	c.swapping.open()
	c.batches.New = func() any { return new(Batch) }
	empty := &Snapshot{changes: make([][]change, cfg.Shards)}
	c.snapshot.Store(empty)
	for range cfg.Writers {
		c.queues = append(c.queues, newRunQueue())
	}
	for i := range cfg.Shards {
		w := newWorker(c, i, empty)
		if cfg.Deflate != nil {
			w.deflate.Deflater = cfg.Deflate()
		}
		c.workers = append(c.workers, w)
	}
	return c, nil
}

// Run runs the shards until ctx ends, and returns nil when all have ended. What is in
// the inboxes then is not carried out. Call it once.
func (c *Core) Run(ctx context.Context) error {
	defer close(c.ended)
	var all sync.WaitGroup
	for _, w := range c.workers {
		all.Go(func() { w.run(ctx) })
	}
	all.Wait()
	return nil
}

// Shards is the number of worker shards.
func (c *Core) Shards() int { return len(c.workers) }

// ShardOf is the shard (0 to Shards-1) that owns a device. Any goroutine may call it.
// It is FNV-1a followed by the last step of MurmurHash3. Without that step, ids that
// differ in their last digits only would share most bits, and so a shard.
func (c *Core) ShardOf(device string) int {
	h := uint64(14695981039346656037)
	for i := range len(device) {
		h = (h ^ uint64(device[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return int((h >> 32) % uint64(len(c.workers)))
}

// Watch finds the topic of an event; ok is false if the event does not exist. The event
// keeps this topic, whatever maps are swapped in, until Unwatch, which every success
// needs. Any goroutine may call it.
func (c *Core) Watch(event string) (t *Topic, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok = c.snapshot.Load().topics[event]
	if !ok {
		return nil, false
	}
	t.watchers++
	return t, true
}

// Devices is the number of devices that take part in a topic's event by the
// map in force. Any goroutine may call it.
func (c *Core) Devices(t *Topic) int { return c.snapshot.Load().sizes[t] }

// Unwatch ends a Watch. Any goroutine may call it.
func (c *Core) Unwatch(t *Topic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.watchers--
	if t.watchers == 0 && c.snapshot.Load().topics[t.event] != t && c.topics[t.event] == t {
		delete(c.topics, t.event)
	}
}

// Queue is run queue writer (0 to Config.Writers-1).
func (c *Core) Queue(writer int) *RunQueue { return c.queues[writer] }

// Window is the least time between two flushes of a topic. SetWindow changes it. Any
// goroutine may call it.
func (c *Core) Window() time.Duration { return time.Duration(c.window.Load()) }

// SetWindow changes the window, for each topic from its next flush on. Any goroutine may
// call it.
func (c *Core) SetWindow(d time.Duration) { c.window.Store(int64(d)) }

// FlushedThrough reports whether every shard has pushed what was due up to a flush
// time, in ns of the core's clock. It is a hint: a shard that is taking in a batch may
// still add to it. Any goroutine may call it.
func (c *Core) FlushedThrough(flush int64) bool {
	for _, w := range c.workers {
		if w.watermark.Load() < flush {
			return false
		}
	}
	return true
}

// Crowded reports whether a shard's inbox is more than half full: the shard takes in
// batches more slowly than they come. Any goroutine may call it.
func (c *Core) Crowded() bool {
	for _, w := range c.workers {
		if len(w.batches) > inboxBatches/2 {
			return true
		}
	}
	return false
}

// Now reads the core's clock, in ns. Any goroutine may call it.
func (c *Core) Now() int64 { return c.now() }

const never = math.MaxInt64
