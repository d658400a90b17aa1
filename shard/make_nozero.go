package shard

import (
	"strings"
	"unsafe"
)

// makeNoZero returns an empty slice with room for n bytes or some more, whose memory
// has not been set to zero: for the largest bodies that alone would take a shard
// longer than all it does in a turn. Only what is appended to the slice may be read.
//
// A strings.Builder is the one way to such memory. Its String begins where its
// capacity does, and the builder is not used again, so nobody else writes there.
func makeNoZero(n int) []byte {
	var b strings.Builder
	b.Grow(max(n, 1))
	room := b.Cap()
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), room)[:0]
}
