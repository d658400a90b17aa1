package codec

import (
	"bytes"
	"math"
	"testing"
)

// TestHeadersOfOwnFramesAreRead reads headers with every form of the length. Another
// frame follows.
func TestHeadersOfOwnFramesAreRead(t *testing.T) {
	for payload, header := range map[int]int{0: 2, 1: 2, 125: 2, 126: 4, 127: 4, 65535: 4, 65536: 10, 1 << 20: 10} {
		frame := AppendTextFrame(nil, bytes.Repeat([]byte("x"), payload))
		b := AppendTextFrame(frame, []byte("next"))
		if got := FrameHeaderLen(b); got != header {
			t.Errorf("%d bytes of payload: a header of %d bytes, want %d", payload, got, header)
		}
		if got := FramePayloadLen(b); got != uint64(payload) {
			t.Errorf("%d bytes of payload: the header says %d", payload, got)
		}
		if got := FrameLen(b); got != len(frame) {
			t.Errorf("%d bytes of payload: the frame has %d bytes, want %d", payload, got, len(frame))
		}
	}
}

// TestHeadersOfClientsAreRead reads headers that this package does not write.
func TestHeadersOfClientsAreRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		b      []byte
		header int
		length uint64
	}{
		{"masked", []byte{0x81, 0x80 | 5, 1, 2, 3, 4}, 6, 5},
		{"masked, 16 bits", []byte{0x81, 0x80 | 126, 1, 0, 1, 2, 3, 4}, 8, 256},
		{"masked, 64 bits, negative as an int", append([]byte{0x82, 0x80 | 127}, bytes.Repeat([]byte{0xff}, 12)...), 14, math.MaxUint64},
		{"not minimal", []byte{0x81, 126, 0, 1, 'a'}, 4, 1},
	} {
		if got := FrameHeaderLen(c.b); got != c.header {
			t.Errorf("%s: a header of %d bytes, want %d", c.name, got, c.header)
		}
		if got := FramePayloadLen(c.b); got != c.length {
			t.Errorf("%s: a payload of %d bytes, want %d", c.name, got, c.length)
		}
	}
}
