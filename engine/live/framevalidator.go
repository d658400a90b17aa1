package live

import (
	"math/bits"

	"pitwall/codec"
)

// Bits and opcodes of a frame's first byte (RFC 6455, section 5.2).
const (
	rsv  = 0x70 // all that are reserved
	rsv1 = 0x40 // the first frame of a compressed message (RFC 7692)

	opText   = 0x1
	opBinary = 0x2
)

// readBuffer is the size of gws' read buffer: how far the validator may be ahead
// of it.
const readBuffer = 128

// frameValidator reads the frame headers of a client's byte stream (RFC 6455,
// section 5.2) before gws does, and stops at the first that gws would take
// although it must not: lengths with the top bit set or longer than needed,
// reserved bits, frames without a mask. The zero value expects a header.
//
// Where compression was agreed on, the first frame of a compressed text is
// turned into one of a binary message without RSV1, and marked: gws then hands
// its bytes over as they are, and a dispatcher inflates them. gws would do so
// on the reader's stack, through one inflater for all, and would close a
// decompression bomb with 1011.
//
// The reader is the only one that uses it.
type frameValidator struct {
	head    [14]byte
	have    int    // bytes of head that are there
	payload uint64 // bytes of it still to pass
	refusal string // why the stream is refused; "" while it is fine

	message int  // bytes of the message that has begun, as its frames announce them
	data    bool // the frame is one of a message

	deflate bool   // compression was agreed on
	marks   uint64 // of the binary messages ahead of gws: a compressed text or not, oldest lowest
	marked  int    // how many
}

// The marks have room for every message of the read buffer, and for the one
// that has begun before. This fails to compile where they have not.
const _ = uint(64 - readBuffer/minFrame - 1)

// minFrame is the length of an empty frame of a client.
const minFrame = 6

// mark looks at a frame's first byte and returns it as gws is to see it.
func (v *frameValidator) mark(first byte) byte {
	op := first & 0xf
	if !v.deflate || op != opText && op != opBinary {
		return first
	}
	compressed := first&rsv1 != 0
	if first &^= rsv1; compressed && op == opText {
		first ^= opText ^ opBinary
		v.marks |= 1 << v.marked
	}
	if first&0xf == opBinary {
		v.marked++
	}
	return first
}

// takeMark takes the mark of the next binary message that gws hands over: true
// for a compressed text.
func (v *frameValidator) takeMark() (compressed bool) {
	if v.marked == 0 {
		return false
	}
	v.marked--
	compressed = v.marks&1 != 0
	v.marks >>= 1
	return compressed
}

// validate passes p, marks it, and returns how many of its bytes may be handed on:
// all, or those before the frame that is refused.
func (v *frameValidator) validate(p []byte) int {
	for i := 0; i < len(p); {
		if v.refusal != "" {
			return 0
		}
		if v.payload > 0 {
			n := min(v.payload, uint64(len(p)-i))
			v.payload -= n
			i += int(n)
			v.endMessage()
			continue
		}
		if v.have == 0 {
			p[i] = v.mark(p[i])
		}
		v.head[v.have] = p[i]
		v.have++
		i++
		if v.have < v.headerLen() {
			continue
		}
		start := max(0, i-v.have)
		if v.refusal = v.headerFault(); v.refusal != "" {
			return start
		}
		v.payload = v.length()
		v.have = 0
		if v.data = v.head[0]&0x8 == 0; v.data {
			v.message = min(v.message+int(min(v.payload, maxCounted)), maxCounted)
		}
		v.endMessage()
	}
	return len(p)
}

// maxCounted is beyond every limit of a message.
const maxCounted = 1 << 30

// endMessage ends the message with the last byte of its last frame.
func (v *frameValidator) endMessage() {
	if v.payload == 0 && v.data && v.head[0]&0x80 != 0 {
		v.message = 0
	}
}

// held is the memory that gws takes for the message that has begun, in bytes: a
// power of two, 128 at least. It takes none beyond limit.
func (v *frameValidator) held(limit int) int64 {
	if v.message == 0 {
		return 0
	}
	return max(128, int64(1)<<bits.Len(uint(min(v.message, limit)+3)))
}

// headerLen is the length of the header, as far as it can be told yet.
func (v *frameValidator) headerLen() int {
	if v.have < 2 {
		return 2
	}
	return codec.FrameHeaderLen(v.head[:])
}

// length is the payload length of a complete header.
func (v *frameValidator) length() uint64 { return codec.FramePayloadLen(v.head[:]) }

// headerFault says what is wrong with a complete header, "" for nothing.
func (v *frameValidator) headerFault() string {
	n := v.length()
	switch code := v.head[1] & 0x7f; {
	case v.head[0]&rsv != 0:
		return "reserved bits"
	case v.head[1]&0x80 == 0:
		return "frame without mask"
	case code == 127 && n>>63 != 0:
		return "frame length out of range"
	case code == 127 && n < 1<<16, code == 126 && n < 126:
		return "frame length not minimal"
	}
	return ""
}
