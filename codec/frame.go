package codec

import "encoding/binary"

// A text frame as RFC 6455 section 5.2 has it: FIN and opcode 1 in the first
// byte, then the length in its minimal form, unmasked as a server sends it.
const (
	finText = 0x80 | 0x1
	len16   = 126  // two bytes of length follow
	len64   = 127  // eight bytes of length follow
	lenBits = 0x7f // of the second byte: the length, len16 or len64
	maskBit = 0x80 // of the second byte: four bytes of mask follow the length
)

// AppendTextFrameHeader appends the header of a text frame with payloadLen
// bytes of payload, 0 or more, which the caller has to send after it. It is safe for
// concurrent use, as all functions of this file are.
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

// reserved is the room that an open frame keeps for its header: enough for 126 to
// 65535 bytes of payload, the usual length of a frame whose length is not known
// beforehand.
const reserved = 4

// beginFrame opens a frame of unknown length at mark.
func beginFrame(dst []byte) (_ []byte, mark int) {
	return append(dst, finText, len16, 0, 0), len(dst)
}

// reservedLong is the room for the header of a longer payload.
const reservedLong = 10

// widenFrame makes the header of the open frame at mark long enough for any payload,
// once the payload so far needs that. A caller that calls it after each piece moves
// at most one piece and 64 KiB, once, instead of the whole payload at the end.
func widenFrame(dst []byte, mark int) []byte {
	own := len(dst) - mark - reserved
	if own <= 0xffff || dst[mark+1] == len64 {
		return dst
	}
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	copy(dst[mark+reservedLong:], dst[mark+reserved:mark+reserved+own])
	dst[mark+1] = len64
	return dst
}

// endFrame closes the frame at mark, whose payload goes on for bodyLen bytes
// elsewhere. It fills in the length, and moves the payload in the two cases in
// which the minimal header does not have the reserved length: by two bytes down or six
// up. RFC 6455 asks for the minimal form.
func endFrame(dst []byte, mark, bodyLen int) []byte {
	if dst[mark+1] == len64 {
		binary.BigEndian.PutUint64(dst[mark+2:], uint64(len(dst)-mark-reservedLong+bodyLen))
		return dst
	}
	own := len(dst) - mark - reserved
	n := own + bodyLen
	switch {
	case n < len16:
		dst[mark+1] = byte(n)
		copy(dst[mark+2:], dst[mark+reserved:])
		return dst[:len(dst)-2]
	case n <= 0xffff:
		binary.BigEndian.PutUint16(dst[mark+2:], uint16(n))
		return dst
	}
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	copy(dst[mark+reservedLong:], dst[mark+reserved:mark+reserved+own])
	dst[mark+1] = len64
	binary.BigEndian.PutUint64(dst[mark+2:], uint64(n))
	return dst
}
