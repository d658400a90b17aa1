//go:build !plainring

package ring

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestRingMatchesASlice makes random calls on one goroutine and compares with a slice.
func TestRingMatchesASlice(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var r Ring[item]
		var model []*item
		for i := range 3000 {
			switch op := rng.IntN(100); {
			case op < 50+int(seed%10):
				c := tagged(0, i)
				r.Push(c)
				model = append(model, c)
			case op < 98:
				var want *item
				if len(model) > 0 {
					want, model = model[0], model[1:]
				}
				if r.Empty() != (want == nil) {
					t.Fatalf("seed %d, step %d: Empty is %v, the slice has %d", seed, i, r.Empty(), len(model))
				}
				if got := r.Take(); got != want {
					t.Fatalf("seed %d, step %d: took %v, want %v", seed, i, got, want)
				}
			default:
				r.Shrink()
			}
		}
		for _, want := range model {
			if got := r.Take(); got != want {
				t.Fatalf("seed %d, at the end: took %v, want %v", seed, got, want)
			}
		}
		if got := r.Take(); got != nil {
			t.Fatalf("seed %d: %v is left at the end", seed, got)
		}
	}
}

// TestRingStress: with several producers and one consumer, while the ring grows and shrinks,
// every pointer comes exactly once, and those of each producer in their order.
func TestRingStress(t *testing.T) {
	const producers, each = 4, 20000
	var r Ring[item]
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for n := range each {
				r.Push(tagged(p, n))
				if n%512 == p {
					runtime.Gosched()
				}
			}
		})
	}
	var next [producers]int
	for seen := 0; seen < producers*each; {
		c := r.Take()
		if c == nil {
			r.Shrink()
			runtime.Gosched()
			continue
		}
		if c.n != next[c.producer] {
			t.Fatalf("producer %d: got %d, want %d", c.producer, c.n, next[c.producer])
		}
		next[c.producer]++
		seen++
	}
	wg.Wait()
	if c := r.Take(); c != nil {
		t.Fatalf("%v is left at the end", c)
	}
}

func TestRingGrowsAndShrinks(t *testing.T) {
	var r Ring[item]
	if r.head.Load() != nil {
		t.Fatal("a new ring has allocated memory")
	}
	for i := range 100 {
		r.Push(tagged(0, i))
	}
	if n := len(r.tail.Load().slots); n < 64 {
		t.Fatalf("after 100 pushes the last segment has %d slots", n)
	}
	for i := range 100 {
		if c := r.Take(); c == nil || int(c.n) != i {
			t.Fatalf("take %d returned %v", i, c)
		}
	}
	r.Shrink()
	if n := len(r.head.Load().slots); n != firstSegment || r.tail.Load() != r.head.Load() {
		t.Fatalf("after shrinking the ring holds a segment of %d slots, want %d and no other", n, firstSegment)
	}
	r.Push(tagged(0, 7))
	if n := len(r.tail.Load().slots); n != firstSegment {
		t.Fatalf("after shrinking the segment has %d slots, want %d", n, firstSegment)
	}
	if c := r.Take(); c == nil || c.n != 7 {
		t.Fatalf("after shrinking, Take returned %v", c)
	}
}

// TestRingShrinksWhenItIsQuiet: a ring that has grown for one large flush becomes small after
// it has had only few pointers for some time, pings for instance. A ring that is filled at
// each flush keeps its size.
func TestRingShrinksWhenItIsQuiet(t *testing.T) {
	var r Ring[item]
	now := int64(1)
	turn := func(n int) (slots int) {
		for i := range n {
			r.Push(tagged(0, i))
		}
		for r.Take() != nil {
		}
		r.ShrinkIfQuiet(func() int64 { return now })
		if !r.Empty() {
			t.Fatal("the ring is not empty")
		}
		return r.Slots()
	}
	turn(100)
	grown := turn(100)
	if grown <= keptSegment {
		t.Fatalf("a ring of %d slots after 100 pointers", grown)
	}
	for range 60 { // a large flush each second, and one pointer at a time between them
		turn(100)
		for range 10 {
			now += int64(100 * time.Millisecond)
			if n := turn(1); n != grown {
				t.Fatalf("between two flushes the ring of %d slots was replaced by one of %d", grown, n)
			}
		}
	}
	now += quietUnits * quietUnit
	if n := turn(1); n != firstSegment {
		t.Errorf("the ring still has %d slots after a quiet time, want %d", n, firstSegment)
	}
}

// TestRingShrinksDuringGrowth: a producer finds the ring full and is descheduled after it has
// linked a larger segment. Meanwhile the ring is emptied and shrunk.
func TestRingShrinksDuringGrowth(t *testing.T) {
	var r Ring[item]
	for i := range 64 {
		r.Push(tagged(0, i))
	}
	s := r.tail.Load()
	large := newSegment[item](2 * len(s.slots))
	s.next.Store(large)
	for r.Take() != nil {
	}
	r.Shrink()
	if n := len(r.head.Load().slots); n != firstSegment || r.tail.Load() != r.head.Load() {
		t.Errorf("after shrinking the ring holds a segment of %d slots, want %d and no other", n, firstSegment)
	}
	s.close(len(large.slots)) // the producer goes on
	r.Push(tagged(0, 7))
	if c := r.Take(); c == nil || c.n != 7 {
		t.Errorf("then Take returned %v", c)
	}
}

// TestSegmentWrapsAround pushes and takes through a segment whose counters start at different
// values, the last of them close to the bit that closes a segment.
func TestSegmentWrapsAround(t *testing.T) {
	for _, start := range []uint64{0, 1, 3, 4, closedBit - 1<<20} {
		var r Ring[item]
		s := newSegment[item](4) // whatever the size of a first segment is
		s.head.Store(start)
		s.taken = start
		s.tail.Store(start)
		r.head.Store(s)
		r.tail.Store(s)
		for i := range 1000 {
			r.Push(tagged(0, i))
			if i%3 == 2 { // take three after each three
				for k := i - 2; k <= i; k++ {
					if c := r.Take(); c == nil || int(c.n) != k {
						t.Fatalf("start %d: take %d returned %v", start, k, c)
					}
				}
			}
		}
		if r.tail.Load() != s {
			t.Errorf("start %d: the ring has grown", start)
		}
	}
}
