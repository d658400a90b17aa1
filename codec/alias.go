package codec

import "unsafe"

// This is the only file of the package that uses unsafe.

// alias returns a string over the memory of b, which must not be written to while the
// string is in use. The callers of ParseRequest promise that; all other memory here is
// written once.
func alias(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
