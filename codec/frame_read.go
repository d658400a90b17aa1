package codec

import "encoding/binary"

// FrameHeaderLen returns the length in bytes, 2 to 14, of the frame header at the
// start of b. The mask of a client's frame is part of the header. b must have at
// least two bytes, which are all that is read.
func FrameHeaderLen(b []byte) int {
	n := 2
	switch b[1] & lenBits {
	case len16:
		n = 4
	case len64:
		n = 10
	}
	if b[1]&maskBit != 0 {
		n += 4
	}
	return n
}

// FramePayloadLen returns the length of the payload as the header at the start of b
// has it, in bytes. b must have the header up to its mask. A client can send any
// length, and one that is not in its minimal form.
func FramePayloadLen(b []byte) uint64 {
	switch n := b[1] & lenBits; n {
	case len16:
		return uint64(binary.BigEndian.Uint16(b[2:]))
	case len64:
		return binary.BigEndian.Uint64(b[2:])
	default:
		return uint64(n)
	}
}

// FrameLen returns the length in bytes of the frame at the start of b, with its
// header. It is for frames that this package has written: the length that a client
// sends need not fit an int.
func FrameLen(b []byte) int { return FrameHeaderLen(b) + int(FramePayloadLen(b)) }
