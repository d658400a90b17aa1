package codec

import "encoding/binary"

// The header of a text frame (RFC 6455, section 5.2): FIN and opcode 1 in the first
// byte, then the length in its minimal form. A server sends no mask.
const (
	finText = 0x80 | 0x1
	len16   = 126  // two bytes of length follow
	len64   = 127  // eight bytes of length follow
	lenBits = 0x7f // in the second byte: the length, len16 or len64
	maskBit = 0x80 // in the second byte: four bytes of mask follow the length
)

// AppendTextFrameHeader appends the header of a text frame with payloadLen bytes of
// payload, 0 or more. The caller sends the payload after it. Safe for concurrent
// use, like all functions of this file.
func AppendTextFrameHeader(dst []byte, payloadLen int) []byte {
	switch {
	case payloadLen < len16:
		return append(dst, finText, byte(payloadLen))
	case payloadLen <= 0xffff:
		return append(dst, finText, len16, byte(payloadLen>>8), byte(payloadLen))
	}
	dst = append(dst, finText, len64)
	return binary.BigEndian.AppendUint64(dst, uint64(payloadLen))
}

// AppendTextFrame appends payload, which must be UTF-8, as one text frame.
func AppendTextFrame(dst, payload []byte) []byte {
	dst = AppendTextFrameHeader(dst, len(payload))
	return append(dst, payload...)
}

const (
	// shortHeader is the room that an open frame reserves for its header: enough for
	// 126 to 65535 bytes of payload, the usual length.
	shortHeader = 4
	longHeader  = 10 // for a longer payload
)

// beginFrame opens a frame of unknown length at mark.
func beginFrame(dst []byte) (_ []byte, mark int) {
	return append(dst, finText, len16, 0, 0), len(dst)
}

// widenFrame makes the header of the open frame at mark long enough for any payload,
// as soon as the payload needs that. A caller that calls it after each piece moves
// 64 KiB and one piece at most, once. Otherwise endFrame moves the whole payload.
func widenFrame(dst []byte, mark int) []byte {
	if len(dst)-mark-shortHeader <= 0xffff || dst[mark+1] == len64 {
		return dst
	}
	return moveToLong(dst, mark)
}

// moveToLong makes the header long, and moves the payload that follows it.
func moveToLong(dst []byte, mark int) []byte {
	end := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	copy(dst[mark+longHeader:], dst[mark+shortHeader:end])
	dst[mark+1] = len64
	return dst
}

// endFrame closes the frame at mark. bodyLen more bytes of payload are not in dst and
// follow it. RFC 6455 requires the minimal header, so the payload is moved if that
// is shorter or longer than the room that was reserved.
func endFrame(dst []byte, mark, bodyLen int) []byte {
	if dst[mark+1] != len64 {
		n := len(dst) - mark - shortHeader + bodyLen
		switch {
		case n < len16:
			dst[mark+1] = byte(n)
			copy(dst[mark+2:], dst[mark+shortHeader:])
			return dst[:len(dst)-2]
		case n <= 0xffff:
			binary.BigEndian.PutUint16(dst[mark+2:], uint16(n))
			return dst
		}
		dst = moveToLong(dst, mark)
	}
	binary.BigEndian.PutUint64(dst[mark+2:], uint64(len(dst)-mark-longHeader+bodyLen))
	return dst
}
