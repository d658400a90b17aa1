package shard

import (
	"strings"
	"unsafe"
)

// makeNoZero returns an empty slice with room for at least n bytes, whose memory has not
// been set to zero. To zero the memory of the largest bodies would take a shard longer
// than a whole turn. Only what is appended to the slice may be read.
//
// Only a strings.Builder gives such memory. Its String begins where its memory begins,
// and the builder is not used again, so nobody else writes there.
func makeNoZero(n int) []byte {
	var b strings.Builder
	b.Grow(max(n, 1))
	room := b.Cap()
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), room)[:0]
}
