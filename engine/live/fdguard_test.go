package live

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Every order of the steps of a writer's turn and of two that hang up: the
// socket is closed once, and never while the writer is inside.
func TestFDGuardInEveryOrder(t *testing.T) {
	for _, order := range [][]int{
		{0, 0, 1, 2}, {0, 1, 0, 2}, {0, 1, 2, 0}, {1, 0, 0, 2}, {1, 0, 2, 0}, {1, 2, 0, 0},
	} {
		var g fdGuard
		closes, inside, tried := 0, false, false
		shut := func() {
			if g.shut() {
				if closes++; inside {
					t.Errorf("%v: closed while the writer was inside", order)
				}
			}
		}
		for _, who := range order {
			switch {
			case who != 0:
				shut()
			case !tried:
				tried, inside = true, g.enter()
			case inside:
				if inside = false; g.leave() {
					closes++
				}
			}
		}
		if closes != 1 {
			t.Errorf("%v: closed %d times, want once", order, closes)
		}
		if g.enter() {
			t.Errorf("%v: entered after the end", order)
		}
	}
}

// The same with goroutines that do not know of each other.
func TestFDGuardUnderStress(t *testing.T) {
	for range 2000 {
		var g fdGuard
		var closed atomic.Int32
		var all sync.WaitGroup
		all.Go(func() {
			for g.enter() {
				if closed.Load() != 0 {
					t.Error("closed while the writer was inside")
				}
				if g.leave() {
					closed.Add(1)
				}
			}
		})
		for range 2 {
			all.Go(func() {
				if g.shut() {
					closed.Add(1)
				}
			})
		}
		all.Wait()
		if n := closed.Load(); n != 1 {
			t.Fatalf("closed %d times, want once", n)
		}
	}
}
