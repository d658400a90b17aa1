package ring

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/puzpuzpuz/xsync/v3"
)

// item is what the rings of the tests hold: it can be distinguished from all others.
type item struct{ producer, n int }

func tagged(producer, n int) *item { return &item{producer, n} }

type queue interface {
	Push(*item)
	Take() *item
}

// xsyncRing is the ready-made one. Its size is fixed, and an empty one of 64
// takes 5 KB.
type xsyncRing struct{ q *xsync.MPMCQueueOf[*item] }

func (r xsyncRing) Push(c *item) {
	for !r.q.TryEnqueue(c) { // false after a lost race as well as when full
		runtime.Gosched()
	}
}

func (r xsyncRing) Take() *item {
	c, _ := r.q.TryDequeue()
	return c
}

// several makes n queues of a kind.
func several(n int, fresh func() queue) []queue {
	all := make([]queue, n)
	for i := range all {
		all[i] = fresh()
	}
	return all
}

// benchRings pushes to many rings and drains them, as a flush does: two
// chunks each.
func benchRings(b *testing.B, n int, fresh func() queue) {
	rings := several(n, fresh)
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

// kinds are the ring and two others. A queue for one producer would not do: a
// connection's ring has a producer per shard.
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

// BenchmarkRingContended has two producers, like the shards of a machine with
// two processors, push bursts to one ring that a third goroutine empties
// meanwhile; one operation is one pointer pushed and taken.
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

// BenchmarkRingShared has two producers go over the same 10,000 rings at the
// same time and push one pointer into each, like the shards of an event at its
// instant, while a third goroutine takes what they pushed the time before; one
// operation is one pointer pushed and taken.
func BenchmarkRingShared(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) { benchShared(b, k.fresh) })
	}
}

func benchShared(b *testing.B, fresh func() queue) {
	const producers, rings = 2, 10_000
	all := several(rings, fresh)
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

// BenchmarkRingInStep has two goroutines push one pointer
// each into the same 10,000 rings in the same order, as two shards do on two
// processors at an instant, and then take from half of the rings each, like two
// writers; they begin each half together. One operation is one pointer pushed
// and taken, and takes both.
func BenchmarkRingInStep(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) { benchInStep(b, k.fresh) })
	}
}

func benchInStep(b *testing.B, fresh func() queue) {
	const both, rings = 2, 10_000
	all := several(rings, fresh)
	var arrived atomic.Int64
	together := func(half int) {
		for arrived.Add(1); arrived.Load() < int64(both*half); {
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
				together(2*round + 1)
				for _, q := range mine {
					for range both {
						if q.Take() == nil {
							lost.Add(1)
						}
					}
				}
				together(2*round + 2)
			}
		})
	}
	wg.Wait()
	if n := lost.Load(); n > 0 {
		b.Fatalf("%d pointers were not there", n)
	}
}

// BenchmarkRingMemory reports what a queue takes before its first chunk and
// with one in it.
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
			b.ReportMetric(float64(empty)/n-16, "B/empty") // the slice's own interface apart
			b.ReportMetric(float64(empty+used)/n-16, "B/used")
			b.ReportMetric(0, "ns/op")
			runtime.KeepAlive(rings)
		})
	}
}

// grown is how much more of the heap is in use after f.
func grown(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}
