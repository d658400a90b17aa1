package shard

import (
	"strings"
	"unsafe"
)

// uncleared returns an empty slice with room for n bytes or some more, whose
// memory has not been set to zero: for 40 MB that alone would take a shard longer
// than all it does in a turn. Only what is appended to the slice may be read.
//
// A strings.Builder is the one way to such memory. Its String begins where its
// capacity does, and it is not used again.
func uncleared(n int) []byte {
	var b strings.Builder
	b.Grow(max(n, 1))
	room := b.Cap()
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), room)[:0]
}
