//go:build !race

// The race detector's frames are larger.

package live

import (
	"runtime"
	"testing"
)

// A reader's stack stays at 2 KiB, also when it has handed a request over. One
// frame more on the way to where it waits may double what an idle connection
// takes.
func TestReadersKeepSmallStacks(t *testing.T) {
	const n = 500
	r := start(t, map[string][]string{"e": {"a"}})
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.StackInuse
	}
	before := inUse()
	for range n {
		w := r.wire()
		w.subscribe("e")
		defer w.conn.Close()
	}
	if got := float64(inUse()-before) / n / 1024; got > 3 {
		t.Errorf("a connection takes %.1f KiB of stack, want little more than 2", got)
	}
}
