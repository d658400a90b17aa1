package ring

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/puzpuzpuz/xsync/v3"
)

// item is the element of the rings. Its fields distinguish it from all others.
type item struct{ producer, n int }

func tagged(producer, n int) *item { return &item{producer, n} }

type queue interface {
	Push(*item)
	Take() *item
}

// xsyncRing is a queue of a library. Its size is fixed, and an empty one with 64 slots takes
// 5 KB.
type xsyncRing struct{ q *xsync.MPMCQueueOf[*item] }

func (r xsyncRing) Push(c *item) {
	for !r.q.TryEnqueue(c) { // fails after a lost race as well as when the queue is full
		runtime.Gosched()
	}
}

func (r xsyncRing) Take() *item {
	c, _ := r.q.TryDequeue()
	return c
}

// newQueues makes n queues.
func newQueues(n int, fresh func() queue) []queue {
	all := make([]queue, n)
	for i := range all {
		all[i] = fresh()
	}
	return all
}

// benchRings pushes two items to each of many rings, and then drains them, as a flush and
// its writers do.
func benchRings(b *testing.B, n int, fresh func() queue) {
	rings := newQueues(n, fresh)
	c := tagged(0, 0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; {
		for _, r := range rings {
			r.Push(c)
			r.Push(c)
		}
		for _, r := range rings {
			for r.Take() != nil {
			}
			i += 2
		}
	}
}

// kinds are the ring and two queues to compare it with. A queue for a single producer cannot
// be used, because every shard is a producer of a connection's ring.
var kinds = []struct {
	name  string
	fresh func() queue
}{
	{"lockfree", func() queue { return new(Ring[item]) }},
	{"mutex", func() queue { return new(locked[item]) }},
	{"xsync", func() queue { return xsyncRing{xsync.NewMPMCQueueOf[*item](64)} }},
}

func BenchmarkRing(b *testing.B) {
	for _, n := range []struct {
		name string
		n    int
	}{{"hot", 1}, {"cold100k", 100_000}} {
		for _, k := range kinds {
			b.Run(n.name+"/"+k.name, func(b *testing.B) { benchRings(b, n.n, k.fresh) })
		}
	}
}

// BenchmarkRingContended: two producers, like the shards of a machine with two processors,
// push bursts to one ring, and a third goroutine takes them at the same time. One operation
// is one pointer pushed and taken.
func BenchmarkRingContended(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) { benchContended(b, k.fresh()) })
	}
}

func benchContended(b *testing.B, q queue) {
	const producers, burst = 2, 256
	var begun atomic.Int64 // the burst that producers may push
	var wg sync.WaitGroup
	c := tagged(0, 0)
	bursts := int64(b.N/(producers*burst) + 1)
	b.ResetTimer()
	for range producers {
		wg.Go(func() {
			for i := range bursts {
				for begun.Load() < i {
					runtime.Gosched()
				}
				for range burst {
					q.Push(c)
				}
			}
		})
	}
	for range bursts {
		for taken := 0; taken < producers*burst; {
			if q.Take() == nil {
				runtime.Gosched()
				continue
			}
			taken++
		}
		begun.Add(1)
	}
	wg.Wait()
}

// BenchmarkRingShared: two producers push one pointer to each of the same 10,000 rings at the
// same time, like the shards of an event at a flush. A third goroutine takes what they
// pushed in the round before. One operation is one pointer pushed and taken.
func BenchmarkRingShared(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) { benchShared(b, k.fresh) })
	}
}

func benchShared(b *testing.B, fresh func() queue) {
	const producers, rings = 2, 10_000
	all := newQueues(rings, fresh)
	c := tagged(0, 0)
	rounds := b.N/(producers*rings) + 1
	var begin [producers]chan struct{}
	var wg sync.WaitGroup
	pushed := make(chan struct{}, producers)
	for p := range begin {
		begin[p] = make(chan struct{}, 1)
		wg.Go(func() {
			for range begin[p] {
				for _, q := range all {
					q.Push(c)
				}
				pushed <- struct{}{}
			}
		})
	}
	drain := func() {
		for _, q := range all {
			for range producers {
				if q.Take() == nil {
					b.Fatal("a ring is empty")
				}
			}
		}
	}
	round := func() {
		for _, ch := range begin {
			ch <- struct{}{}
		}
	}
	round()
	<-pushed
	<-pushed
	b.ResetTimer()
	for range rounds {
		round()
		drain()
		<-pushed
		<-pushed
	}
	b.StopTimer()
	for _, ch := range begin {
		close(ch)
	}
	wg.Wait()
}

// BenchmarkRingInStep: two goroutines push one pointer to each of the same 10,000 rings in
// the same order, as two shards on two processors do at a flush. Then each takes from half
// of the rings, like two writers. They begin both steps together. One operation is one
// pointer pushed and taken.
func BenchmarkRingInStep(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) { benchInStep(b, k.fresh) })
	}
}

func benchInStep(b *testing.B, fresh func() queue) {
	const both, rings = 2, 10_000
	all := newQueues(rings, fresh)
	var arrived atomic.Int64
	barrier := func(step int) {
		for arrived.Add(1); arrived.Load() < int64(both*step); {
			runtime.Gosched()
		}
	}
	rounds := b.N/(both*rings) + 1
	var lost atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for p := range both {
		wg.Go(func() {
			c := tagged(p, 0)
			mine := all[p*rings/both:][:rings/both]
			for round := range rounds {
				for _, q := range all {
					q.Push(c)
				}
				barrier(2*round + 1)
				for _, q := range mine {
					for range both {
						if q.Take() == nil {
							lost.Add(1)
						}
					}
				}
				barrier(2*round + 2)
			}
		})
	}
	wg.Wait()
	if n := lost.Load(); n > 0 {
		b.Fatalf("%d pointers were lost", n)
	}
}

// BenchmarkRingMemory reports the memory of a queue before its first item and with one item.
func BenchmarkRingMemory(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			const n = 10_000
			c := tagged(0, 0)
			var rings []queue
			empty := grown(func() {
				for range n {
					rings = append(rings, k.fresh())
				}
			})
			used := grown(func() {
				for _, r := range rings {
					r.Push(c)
				}
			})
			for b.Loop() {
			}
			b.ReportMetric(float64(empty)/n-16, "B/empty") // without the interface in the slice
			b.ReportMetric(float64(empty+used)/n-16, "B/used")
			b.ReportMetric(0, "ns/op")
			runtime.KeepAlive(rings)
		})
	}
}

// grown returns by how many bytes f makes the heap grow.
func grown(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}
