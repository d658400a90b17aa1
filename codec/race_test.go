//go:build race

package codec

import "testing"

// wantAllocs only runs f: the race detector allocates on its own, so that the
// count is asserted without it, by the other file of this pair.
func wantAllocs(t *testing.T, name string, want float64, f func()) {
	t.Helper()
	f()
}
