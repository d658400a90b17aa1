package shard

import "testing"

// The memory is one allocation, and all of it can be written.
func TestMakeNoZeroReturnsUsableMemory(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 1 << 20, 40 << 20} {
		b := makeNoZero(n)
		if len(b) != 0 || cap(b) < n {
			t.Fatalf("makeNoZero(%d) has length %d and capacity %d", n, len(b), cap(b))
		}
		first := &b[:1][0]
		b = b[:cap(b)]
		for i := range b {
			b[i] = byte(i)
		}
		want(t, "moved by writing", &b[0] != first, false)
		if n == 1000 {
			want(t, "allocations", testing.AllocsPerRun(100, func() { sink = makeNoZero(n) }), 1.0)
		}
	}
}

var sink []byte
