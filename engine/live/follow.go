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

// readBuffer is the size of gws' read buffer: how far the follower may be ahead
// of it.
const readBuffer = 128

// follower reads the frame headers of a client's byte stream (RFC 6455,
// section 5.2) before gws does, and stops at the first that gws would take
// although it must not: lengths with the top bit set or longer than needed,
// reserved bits, frames without a mask. The zero value expects a header.
//
// Where compression was agreed on, the first frame of a compressed text is
// turned into one of a binary message without RSV1, and marked: gws then hands
// its bytes over as they are, and a dispatcher inflates them. gws would do so
// on the reader's stack, through one inflater for all, and close a bomb with
// 1011.
type follower struct {
	head [14]byte
	have int    // bytes of head that are there
	skip uint64 // payload bytes still to pass
	bad  string // why the stream is refused; "" while it is fine

	message int  // bytes of the message that has begun, as its frames announce them
	data    bool // the frame is one of a message

	deflate bool   // compression was agreed on
	marks   uint64 // of the binary messages ahead of gws: a compressed text or not, oldest lowest
	marked  int    // how many
}

// The marks have room for every message of the read buffer, and for the one
// that has begun before.
const _ = uint(64 - readBuffer/minFrame - 1)

// minFrame is the length of an empty frame of a client.
const minFrame = 6

// mark looks at a frame's first byte and returns it as gws is to see it.
func (f *follower) mark(first byte) byte {
	op := first & 0xf
	if !f.deflate || op != opText && op != opBinary {
		return first
	}
	deflated := first&rsv1 != 0
	if first &^= rsv1; deflated && op == opText {
		first ^= opText ^ opBinary
		f.marks |= 1 << f.marked
	}
	if first&0xf == opBinary {
		f.marked++
	}
	return first
}

// deflated takes the mark of the next binary message that gws hands over: true
// for a compressed text.
func (f *follower) deflated() bool {
	if f.marked == 0 {
		return false
	}
	f.marked--
	deflated := f.marks&1 != 0
	f.marks >>= 1
	return deflated
}

// follow passes p, marks it, and returns how many of its bytes may be handed on: all, or
// those before the frame that is refused.
func (f *follower) follow(p []byte) int {
	for i := 0; i < len(p); {
		if f.bad != "" {
			return 0
		}
		if f.skip > 0 {
			n := min(f.skip, uint64(len(p)-i))
			f.skip -= n
			i += int(n)
			f.passed()
			continue
		}
		if f.have == 0 {
			p[i] = f.mark(p[i])
		}
		f.head[f.have] = p[i]
		f.have++
		i++
		if f.have < f.need() {
			continue
		}
		start := max(0, i-f.have)
		if f.bad = f.judge(); f.bad != "" {
			return start
		}
		f.skip = f.length()
		f.have = 0
		if f.data = f.head[0]&0x8 == 0; f.data {
			f.message = min(f.message+int(min(f.skip, maxCounted)), maxCounted)
		}
		f.passed()
	}
	return len(p)
}

// maxCounted is beyond every limit of a message.
const maxCounted = 1 << 30

// passed ends the message with the last byte of its last frame.
func (f *follower) passed() {
	if f.skip == 0 && f.data && f.head[0]&0x80 != 0 {
		f.message = 0
	}
}

// held is the memory that gws takes for the message that has begun, in bytes: a
// power of two, 128 at least. It allocates nothing for what is longer than limit.
func (f *follower) held(limit int) int64 {
	if f.message == 0 {
		return 0
	}
	return max(128, int64(1)<<bits.Len(uint(min(f.message, limit)+3)))
}

// need is the length of the header, as far as it can be told yet.
func (f *follower) need() int {
	if f.have < 2 {
		return 2
	}
	return codec.FrameHeaderLen(f.head[:])
}

func (f *follower) length() uint64 { return codec.FramePayloadLen(f.head[:]) }

// judge says what is wrong with a complete header, "" for nothing.
func (f *follower) judge() string {
	n := f.length()
	switch code := f.head[1] & 0x7f; {
	case f.head[0]&rsv != 0:
		return "reserved bits"
	case f.head[1]&0x80 == 0:
		return "frame without mask"
	case code == 127 && n>>63 != 0:
		return "frame length out of range"
	case code == 127 && n < 1<<16, code == 126 && n < 126:
		return "frame length not minimal"
	}
	return ""
}
