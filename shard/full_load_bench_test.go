package shard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/codec"
)

// BenchmarkFullLoad has 100,000 connections. One event has 10,000 of them; each of 9,999
// other events has nine. There are 50,000 devices, five in each event, which report once a
// second. Two shards run, and two writers that take everything. One operation is 10 ms of
// that: 500 records.
//
// The CPU time is that of the whole process, with the goroutine that publishes. It is given
// per delivery (a position for one connection) and per record. A turn is measured in CPU
// time of its thread, because there are more goroutines than processors. behind-ms is how
// late the last records were delivered to the shards. If it is more than a few ms, the rate
// was not reached.
func BenchmarkFullLoad(b *testing.B) {
	const devices, events, hot, others = 50_000, 10_000, 10_000, 90_000
	const tick, records = 10 * time.Millisecond, 500
	core, err := New(Config{Window: 100 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer func() { stop(); all.Wait() }()
	turns := make([]turns, core.Shards())
	for i, w := range core.workers {
		all.Go(func() { turns[i].run(ctx, w) })
	}
	ro, names := pairs(devices, events)
	if err := core.Swap(ctx, ro); err != nil {
		b.Fatal(err)
	}
	p := &steadyLoad{b: b, core: core, names: names}
	for range devices / records {
		p.deliver(ctx, records)
	}
	before := heapBytes()
	start := time.Now()
	conns := connectAll(b, core, hot, others, events)
	subscribing := time.Since(start)
	bytes := heapBytes() - before
	var delivered atomic.Int64
	for i := range core.queues {
		all.Go(func() { drainAll(ctx, core.Queue(i), &delivered) })
	}

	for i := range turns {
		turns[i].begin.Store(true)
	}
	ops, start, used := 0, time.Now(), cpuTime(wholeProcess)
	for b.Loop() {
		<-time.After(time.Until(start.Add(time.Duration(ops) * tick)))
		p.deliver(ctx, records)
		ops++
	}
	behind := time.Since(start) - time.Duration(ops-1)*tick
	used = cpuTime(wholeProcess) - used
	n := delivered.Load()
	stop()
	all.Wait()
	var took []time.Duration
	for i := range turns {
		took = append(took, turns[i].took...)
	}
	slices.Sort(took)
	b.ReportMetric(float64(used.Nanoseconds())/float64(n), "cpu-ns/delivery")
	b.ReportMetric(float64(used.Nanoseconds())/float64(ops*records), "cpu-ns/record")
	b.ReportMetric(float64(n)/float64(ops*records), "deliveries/record")
	b.ReportMetric(float64(subscribing.Nanoseconds())/float64(len(conns)), "ns/subscribe")
	b.ReportMetric(float64(bytes)/float64(len(conns)), "B/connection")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "longest-turn-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-turn-µs")
	b.ReportMetric(float64(behind.Microseconds())/1000, "behind-ms")
	b.ReportMetric(0, "ns/op")
	runtime.KeepAlive(conns)
}

// connectAll connects and subscribes connections to all events, in random order, and drains
// them.
func connectAll(b *testing.B, core *Core, hot, others, events int) []*Conn {
	to := make([]int, hot, hot+others)
	for i := range others {
		to = append(to, 1+i%(events-1))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(to), func(i, j int) { to[i], to[j] = to[j], to[i] })
	conns := make([]*Conn, len(to))
	var done sync.WaitGroup
	done.Add(len(to))
	for i, e := range to {
		t, ok := core.Watch(fmt.Sprintf("event-%05d", e))
		if !ok {
			b.Fatalf("no event %d", e)
		}
		conns[i] = core.NewConn(i%len(core.queues), false, nil)
		core.Subscribe(conns[i], t, 0, done.Done)
	}
	done.Wait()
	drainConns(conns)
	return conns
}

// steadyLoad delivers positions of the devices in turn.
type steadyLoad struct {
	b     *testing.B
	core  *Core
	names []string
	next  int
}

func (p *steadyLoad) deliver(ctx context.Context, n int) {
	batches := make([]*Batch, p.core.Shards())
	for i := range batches {
		batches[i] = p.core.AcquireBatch()
	}
	for range n {
		d, ts := p.names[p.next%len(p.names)], base+1000*int64(p.next/len(p.names))
		p.next++
		to := batches[p.core.ShardOf(d)]
		to.Positions = append(to.Positions, codec.Position{DeviceID: d, TS: ts, Arrival: ts, Lat: 57.7089355, Lon: 11.9745638})
	}
	for i, batch := range batches {
		if err := p.core.Deliver(ctx, i, batch); err != nil {
			p.b.Fatal(err)
		}
	}
}

// turns measures the turns of a shard.
type turns struct {
	begin atomic.Bool // measure from now on
	took  []time.Duration
}

// run does the work of worker.run and measures each turn.
func (t *turns) run(ctx context.Context, w *worker) {
	w.labels = ctx
	w.wakeTimer = newWakeTimer(w.turns.notifyShard)
	defer w.wakeTimer.stop()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for on := true; on; {
		used := cpuTime(thisThread)
		next := w.turn(w.batch())
		if t.begin.Load() {
			t.took = append(t.took, cpuTime(thisThread)-used)
		}
		on = w.wait(ctx.Done(), next)
	}
}

// heapBytes returns the size of the heap after a garbage collection.
func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// cpuTime reads one of the kernel's clocks of CPU time. Those of getrusage(2) may have a
// resolution of some ms.
func cpuTime(clock int32) time.Duration {
	var at unix.Timespec
	_ = unix.ClockGettime(clock, &at) // fails only for a wrong argument
	return time.Duration(at.Nano())
}

const (
	wholeProcess = unix.CLOCK_PROCESS_CPUTIME_ID
	thisThread   = unix.CLOCK_THREAD_CPUTIME_ID
)
