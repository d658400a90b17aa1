package live

import (
	"sync"
	"sync/atomic"
	"testing"
)

// In every order of the two steps of a writer (0) and of two goroutines that shut
// the guard (1, 2), the socket is closed once, and never while the writer uses it.
func TestFDGuardInEveryOrder(t *testing.T) {
	for _, order := range [][]int{
		{0, 0, 1, 2}, {0, 1, 0, 2}, {0, 1, 2, 0}, {1, 0, 0, 2}, {1, 0, 2, 0}, {1, 2, 0, 0},
	} {
		var g fdGuard
		closes, inside, tried := 0, false, false
		shut := func() {
			if g.shut() {
				if closes++; inside {
					t.Errorf("order %v: closed while the writer uses the descriptor", order)
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
			t.Errorf("order %v: closed %d times, want 1", order, closes)
		}
		if g.enter() {
			t.Errorf("order %v: entered after the guard was shut", order)
		}
	}
}

// The same with goroutines that run at the same time.
func TestFDGuardUnderStress(t *testing.T) {
	for range 2000 {
		var g fdGuard
		var closed atomic.Int32
		var all sync.WaitGroup
		all.Go(func() {
			for g.enter() {
				if closed.Load() != 0 {
					t.Error("closed while the writer uses the descriptor")
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
			t.Fatalf("closed %d times, want 1", n)
		}
	}
}
