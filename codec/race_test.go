//go:build race

package codec

import "testing"

// wantAllocs only runs f. The race detector allocates as well, so allocations are
// counted without it only.
func wantAllocs(t *testing.T, name string, want float64, f func()) {
	t.Helper()
	f()
}
