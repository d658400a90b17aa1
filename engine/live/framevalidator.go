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

// readBuffer is the size of gws' read buffer, in bytes: how far the validator may be
// ahead of gws.
const readBuffer = 128

// frameValidator reads the frame headers of a client's byte stream (RFC 6455, section
// 5.2) before gws does, and stops at the first invalid header that gws would accept: a
// length with the top bit set or longer than needed, a reserved bit, or no mask. The
// zero value expects a header.
//
// If compression was agreed on, the first frame of a compressed text is turned into the
// first frame of a binary message without RSV1, and marked. gws then passes its bytes
// on as they are, and a dispatcher inflates them. gws itself would inflate them on the
// reader's stack, through one inflater for all connections, and would close a
// decompression bomb with 1011.
//
// Only the reader uses it.
type frameValidator struct {
	head    [14]byte // of the current frame
	have    int      // bytes of head that were read
	payload uint64   // bytes of the payload that are still to come
	refusal string   // why the stream is refused; "" while it is valid

	message int  // bytes of the current message, as announced by its frames so far
	data    bool // the current frame is part of a message

	deflate bool   // compression was agreed on
	marks   uint64 // of the binary messages that gws has not passed on: 1 for a compressed text, oldest in the lowest bit
	marked  int    // how many there are
}

// marks has room for every message in the read buffer, and the one before it. Otherwise
// this does not compile.
const _ = uint(64 - readBuffer/minFrame - 1)

// minFrame is the length of an empty frame of a client, in bytes.
const minFrame = 6

// mark returns a frame's first byte as gws is to see it, and marks binary messages.
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

// takeMark removes the mark of the binary message that gws passes on. It is true for a
// compressed text.
func (v *frameValidator) takeMark() (compressed bool) {
	if v.marked == 0 {
		return false
	}
	v.marked--
	compressed = v.marks&1 != 0
	v.marks >>= 1
	return compressed
}

// validate reads p, and rewrites the headers of compressed texts in it. It returns how
// many bytes gws may have: all, or those before the frame that is refused.
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
		if v.have < 2 || v.have < codec.FrameHeaderLen(v.head[:]) {
			continue
		}
		start := max(0, i-v.have)
		if v.refusal = v.headerFault(); v.refusal != "" {
			return start
		}
		v.payload = codec.FramePayloadLen(v.head[:])
		v.have = 0
		if v.data = v.head[0]&0x8 == 0; v.data {
			v.message = min(v.message+int(min(v.payload, maxCounted)), maxCounted)
		}
		v.endMessage()
	}
	return len(p)
}

// maxCounted is above every limit of a message, in bytes.
const maxCounted = 1 << 30

// endMessage ends the message if that was the last byte of its last frame.
func (v *frameValidator) endMessage() {
	if v.payload == 0 && v.data && v.head[0]&0x80 != 0 {
		v.message = 0
	}
}

// held is the memory that gws takes for the current message, in bytes: a power of two,
// at least 128. Beyond limit it takes no more.
func (v *frameValidator) held(limit int) int64 {
	if v.message == 0 {
		return 0
	}
	return max(128, int64(1)<<bits.Len(uint(min(v.message, limit)+3)))
}

// headerFault says what is wrong with a complete header; "" for nothing.
func (v *frameValidator) headerFault() string {
	n := codec.FramePayloadLen(v.head[:])
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
