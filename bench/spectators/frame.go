package spectators

import "encoding/binary"

// maxFrame is the longest payload that a server may send.
const maxFrame = 64 << 20

// next takes the first frame off b. size is the length of the whole frame as far
// as it is known. ok says that the frame is complete. A masked, fragmented,
// compressed or oversized frame is broken.
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
