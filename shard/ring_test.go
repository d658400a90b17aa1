package shard

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/puzpuzpuz/xsync/v3"
)

// tagged makes a chunk that a test can tell from all others.
func tagged(producer, n int) *Chunk {
	return &Chunk{arrival: int64(producer), records: uint32(n)}
}

func TestRingAgainstPlainQueue(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var r ring
		var model []*Chunk
		for i := range 3000 {
			switch op := rng.IntN(100); {
			case op < 50+int(seed%10):
				c := tagged(0, i)
				r.push(c)
				model = append(model, c)
			case op < 98:
				var want *Chunk
				if len(model) > 0 {
					want, model = model[0], model[1:]
				}
				if r.empty() != (want == nil) {
					t.Fatalf("seed %d, step %d: empty says %v, model has %d", seed, i, r.empty(), len(model))
				}
				if got := r.take(); got != want {
					t.Fatalf("seed %d, step %d: took %v, want %v", seed, i, got, want)
				}
			default:
				r.shrink()
			}
		}
		for _, want := range model {
			if got := r.take(); got != want {
				t.Fatalf("seed %d, at the end: took %v, want %v", seed, got, want)
			}
		}
		if got := r.take(); got != nil {
			t.Fatalf("seed %d: %v left over", seed, got)
		}
	}
}

// TestRingStress has several producers and one consumer, with the ring growing
// and shrinking: every chunk is seen exactly once and each producer's order is
// kept.
func TestRingStress(t *testing.T) {
	const producers, each = 4, 20000
	var r ring
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for n := range each {
				r.push(tagged(p, n))
				if n%512 == p {
					runtime.Gosched()
				}
			}
		})
	}
	var next [producers]uint32
	for seen := 0; seen < producers*each; {
		c := r.take()
		if c == nil {
			r.shrink()
			runtime.Gosched()
			continue
		}
		if c.records != next[c.arrival] {
			t.Fatalf("producer %d: got %d, want %d", c.arrival, c.records, next[c.arrival])
		}
		next[c.arrival]++
		seen++
	}
	wg.Wait()
	if c := r.take(); c != nil {
		t.Fatalf("one too many: %v", c)
	}
}

func TestRingGrowsAndShrinks(t *testing.T) {
	var r ring
	if r.head.Load() != nil {
		t.Fatal("an idle ring has memory")
	}
	for i := range 100 {
		r.push(tagged(0, i))
	}
	if n := len(r.tail.Load().slots); n < 64 {
		t.Fatalf("after 100 pushes the last segment has %d slots", n)
	}
	for i := range 100 {
		if c := r.take(); c == nil || int(c.records) != i {
			t.Fatalf("take %d gave %v", i, c)
		}
	}
	r.shrink()
	r.push(tagged(0, 7))
	if n := len(r.tail.Load().slots); n != firstSegment {
		t.Fatalf("after shrinking the segment has %d slots, want %d", n, firstSegment)
	}
	if c := r.take(); c == nil || c.records != 7 {
		t.Fatalf("behind the shrinking came %v", c)
	}
}

// plainRing is the version to beat: a slice under a mutex.
type plainRing struct {
	mu   sync.Mutex
	list []*Chunk
	head int
}

func (r *plainRing) push(c *Chunk) {
	r.mu.Lock()
	r.list = append(r.list, c)
	r.mu.Unlock()
}

func (r *plainRing) take() *Chunk {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.head == len(r.list) {
		return nil
	}
	c := r.list[r.head]
	r.list[r.head] = nil
	if r.head++; r.head == len(r.list) {
		r.list, r.head = r.list[:0], 0
	}
	return c
}

type queue interface {
	push(*Chunk)
	take() *Chunk
}

// xsyncRing is the ready-made one. Its size is fixed, and an empty one of 64
// takes 5 KB.
type xsyncRing struct{ q *xsync.MPMCQueueOf[*Chunk] }

func (r xsyncRing) push(c *Chunk) {
	for !r.q.TryEnqueue(c) { // false after a lost race as well as when full
		runtime.Gosched()
	}
}

func (r xsyncRing) take() *Chunk {
	c, _ := r.q.TryDequeue()
	return c
}

// benchRings pushes to many rings and drains them, as a flush does: two
// chunks each.
func benchRings(b *testing.B, n int, fresh func() queue) {
	rings := make([]queue, n)
	for i := range rings {
		rings[i] = fresh()
	}
	c := tagged(0, 0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; {
		for _, r := range rings {
			r.push(c)
			r.push(c)
		}
		for _, r := range rings {
			for r.take() != nil {
			}
			i += 2
		}
	}
}

// ringKinds are the ring and its rivals. SPSC queues are out: a ring has a
// producer per shard.
var ringKinds = []struct {
	name  string
	fresh func() queue
}{
	{"lockfree", func() queue { return new(ring) }},
	{"mutex", func() queue { return new(plainRing) }},
	{"xsync", func() queue { return xsyncRing{xsync.NewMPMCQueueOf[*Chunk](64)} }},
}

func BenchmarkRing(b *testing.B) {
	for _, n := range []struct {
		name string
		n    int
	}{{"hot", 1}, {"cold100k", 100_000}} {
		for _, k := range ringKinds {
			b.Run(n.name+"/"+k.name, func(b *testing.B) { benchRings(b, n.n, k.fresh) })
		}
	}
}

// BenchmarkRingContended has two producers, like the shards of a machine with
// two processors, push bursts to one ring that a third goroutine empties
// meanwhile; one operation is one pointer pushed and taken.
func BenchmarkRingContended(b *testing.B) {
	for _, k := range ringKinds {
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
					q.push(c)
				}
			}
		})
	}
	for range bursts {
		for taken := 0; taken < producers*burst; {
			if q.take() == nil {
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
	for _, k := range ringKinds {
		b.Run(k.name, func(b *testing.B) { benchShared(b, k.fresh) })
	}
}

func benchShared(b *testing.B, fresh func() queue) {
	const producers, rings = 2, 10_000
	all := make([]queue, rings)
	for i := range all {
		all[i] = fresh()
	}
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
					q.push(c)
				}
				pushed <- struct{}{}
			}
		})
	}
	drain := func() {
		for _, q := range all {
			for range producers {
				if q.take() == nil {
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

// BenchmarkRingMemory reports what a queue takes before its first chunk and
// with one in it.
func BenchmarkRingMemory(b *testing.B) {
	for _, k := range ringKinds {
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
					r.push(c)
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

// grown is how much more of the heap is in use behind f.
func grown(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// TestRingAroundTheArray goes round a segment whose counters start at different
// places, the last of them close to the bit that closes it. They never come
// there in earnest: at a push a nanosecond that takes 292 years.
func TestRingAroundTheArray(t *testing.T) {
	for _, start := range []uint64{0, 1, 3, 4, closedBit - 1<<20} {
		var r ring
		s := newSegment(firstSegment)
		s.head.Store(start)
		s.taken = start
		s.tail.Store(start)
		r.head.Store(s)
		r.tail.Store(s)
		for i := range 1000 {
			r.push(tagged(0, i))
			if i%3 == 2 { // three in, three out: round and round
				for k := i - 2; k <= i; k++ {
					if c := r.take(); c == nil || int(c.records) != k {
						t.Fatalf("start %d: take %d gave %v", start, k, c)
					}
				}
			}
		}
		if r.tail.Load() != s {
			t.Errorf("start %d: the ring has grown", start)
		}
	}
}
