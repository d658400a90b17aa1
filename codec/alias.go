package codec

import "unsafe"

// This is the only file of the package that uses unsafe.

// alias returns a string over the memory of b. It is valid only as long as
// nobody writes to b: for ParseRequest that is the caller's promise, for the
// decoder's scratch the next use of it.
func alias(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
