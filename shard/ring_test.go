//go:build !plainring

package shard

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

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
	if n := len(r.head.Load().slots); n != firstSegment || r.tail.Load() != r.head.Load() {
		t.Fatalf("after shrinking the ring holds a segment of %d slots, want %d and no other", n, firstSegment)
	}
	r.push(tagged(0, 7))
	if n := len(r.tail.Load().slots); n != firstSegment {
		t.Fatalf("after shrinking the segment has %d slots, want %d", n, firstSegment)
	}
	if c := r.take(); c == nil || c.records != 7 {
		t.Fatalf("behind the shrinking came %v", c)
	}
}

// A ring that has grown for one large flush becomes small when the connection
// has had only few chunks for a while, be it pings; one that is filled at each
// tick stays as it is.
func TestRingRelaxesWhenItIsNotNeeded(t *testing.T) {
	r := newRig(t, Config{})
	c := r.client(false)
	turn := func(n int) (slots int) {
		for i := range n {
			c.conn.admit(tagged(0, i))
		}
		if !c.conn.wants() {
			t.Fatal("the connection is not idle")
		}
		for ch := c.conn.Take(); ch != nil; ch = c.conn.Take() {
			c.conn.Done(ch)
		}
		if c.conn.Rest() {
			t.Fatal("something is left")
		}
		return len(c.conn.ring.head.Load().slots)
	}
	turn(100)
	grown := turn(100)
	if grown <= keptSegment {
		t.Fatalf("a ring of %d slots after 100 chunks", grown)
	}
	for range 60 { // a dashboard whose topics all tick at once, and live topics
		turn(100)
		for range 10 {
			r.pass(100 * time.Millisecond)
			if n := turn(1); n != grown {
				t.Fatalf("between two ticks the ring of %d slots was replaced by one of %d", grown, n)
			}
		}
	}
	r.pass(calmUnits * calmUnit)
	if n := turn(1); n != firstSegment {
		t.Errorf("the ring still has %d slots after a calm time, want %d", n, firstSegment)
	}
}

// TestRingShrinksBesideGrowth has a producer that found the ring full, and was
// taken off when it had linked a larger segment, while the ring is emptied and
// shrunk.
func TestRingShrinksBesideGrowth(t *testing.T) {
	var r ring
	for i := range 64 {
		r.push(tagged(0, i))
	}
	s := r.tail.Load()
	large := newSegment(2 * len(s.slots))
	s.next.Store(large)
	for r.take() != nil {
	}
	r.shrink()
	if n := len(r.head.Load().slots); n != firstSegment || r.tail.Load() != r.head.Load() {
		t.Errorf("after shrinking the ring holds a segment of %d slots, want %d and no other", n, firstSegment)
	}
	s.close(len(large.slots)) // the producer goes on
	r.push(tagged(0, 7))
	if c := r.take(); c == nil || c.records != 7 {
		t.Errorf("behind that came %v", c)
	}
}

// TestRingAroundTheArray goes round a segment whose counters start at different
// places, the last of them close to the bit that closes it. They never come
// there in earnest: at a push a nanosecond that takes 292 years.
func TestRingAroundTheArray(t *testing.T) {
	for _, start := range []uint64{0, 1, 3, 4, closedBit - 1<<20} {
		var r ring
		s := newSegment(4) // whatever a first segment has
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
