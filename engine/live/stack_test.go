//go:build !race && !portable

// The race detector makes stack frames larger, and package net has more of them.

package live

import (
	"runtime"
	"testing"
)

// The stack of a reader stays at 2 KiB, also after it has read a request. One stack
// frame more where it waits may double the memory of an idle connection.
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
		w := r.rawClient()
		w.subscribe("e")
		defer w.conn.Close()
	}
	if got := float64(inUse()-before) / n / 1024; got > 3 {
		t.Errorf("a connection takes %.1f KiB of stack, want little more than 2", got)
	}
}
