package spectators

import "encoding/binary"

// WebSocket opcodes (RFC 6455, section 5.2).
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

// maxFrame bounds what a server may send at once.
const maxFrame = 64 << 20

// next takes the first frame off b. size is the length of the whole frame, as
// far as it is known yet; the frame is there when ok. A masked, fragmented or
// oversized one is broken.
func next(b []byte) (op byte, payload []byte, size int, ok, broken bool) {
	if len(b) < 2 {
		return 0, nil, 2, false, false
	}
	op = b[0] & 0x0f
	n, head := int(b[1]&0x7f), 2
	switch n {
	case 126:
		if len(b) < 4 {
			return 0, nil, 4, false, false
		}
		n, head = int(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return 0, nil, 10, false, false
		}
		long := binary.BigEndian.Uint64(b[2:])
		if long > maxFrame {
			return 0, nil, 0, false, true
		}
		n, head = int(long), 10
	}
	if b[0]&0xf0 != 0x80 || b[1]&0x80 != 0 {
		return 0, nil, 0, false, true
	}
	if size = head + n; len(b) < size {
		return 0, nil, size, false, false
	}
	return op, b[head:size], size, true, false
}

// appendFrame appends a client's frame: masked, as it must be, with the mask 0.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	default:
		dst = append(dst, 0x80|126, byte(n>>8), byte(n))
	}
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, payload...)
}
