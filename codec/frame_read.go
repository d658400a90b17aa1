package codec

import "encoding/binary"

// FrameHeaderLen returns the length of the frame header at the start of b in
// bytes, 2 to 14: the first two bytes tell it, and b must have at least those. It
// counts the mask of a client's frame.
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

// FramePayloadLen returns how many bytes of payload the header at the start of b
// announces. b must have the header up to its mask. What a client sends need not
// be sensible: the length may have any value, and be longer than its minimal form.
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

// FrameLen returns the length of the frame at the start of b, header included. It
// is for frames that this package has written: a length that a client sends may
// not fit an int.
func FrameLen(b []byte) int { return FrameHeaderLen(b) + int(FramePayloadLen(b)) }
