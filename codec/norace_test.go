//go:build !race

package codec

import "testing"

// wantAllocs runs f many times and counts its allocations.
func wantAllocs(t *testing.T, name string, want float64, f func()) {
	t.Helper()
	if got := testing.AllocsPerRun(200, f); got != want {
		t.Errorf("%s: %v allocations, want %v", name, got, want)
	}
}
