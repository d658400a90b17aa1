package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// unframe reads one frame (RFC 6455, section 5.2) and returns its payload and the
// bytes after it. It fails the test if a server must not send the frame: a fragment,
// reserved bits, an opcode other than text, a mask, a length that is not minimal.
func unframe(t testing.TB, b []byte) (payload, rest []byte) {
	t.Helper()
	if len(b) < 2 {
		t.Fatalf("a frame of %d bytes", len(b))
	}
	if b[0] != 0x81 {
		t.Fatalf("first byte %#x, want FIN and text", b[0])
	}
	if b[1]&0x80 != 0 {
		t.Fatal("masked")
	}
	n, head := uint64(b[1]), 2
	switch n {
	case 126:
		n, head = uint64(binary.BigEndian.Uint16(b[2:])), 4
		if n < 126 {
			t.Fatalf("length %d in 16 bits", n)
		}
	case 127:
		n, head = binary.BigEndian.Uint64(b[2:]), 10
		if n < 65536 {
			t.Fatalf("length %d in 64 bits", n)
		}
	}
	if n > uint64(len(b)-head) {
		t.Fatalf("length %d, but only %d bytes follow", n, len(b)-head)
	}
	return b[head : head+int(n)], b[head+int(n):]
}

// onlyFrame returns the payload of b, which must be exactly one frame.
func onlyFrame(t testing.TB, b []byte) []byte {
	t.Helper()
	payload, rest := unframe(t, b)
	if len(rest) != 0 {
		t.Fatalf("%d bytes after the frame", len(rest))
	}
	return payload
}

// wireBody is a body as a client reads it.
type wireBody struct {
	DeviceID   string          `json:"deviceId"`
	TS         int64           `json:"ts"`
	Lat        *float64        `json:"lat"`
	Lon        *float64        `json:"lon"`
	Alt        *float64        `json:"alt"`
	Speed      *float64        `json:"speed"`
	Course     *float64        `json:"course"`
	Sats       *int32          `json:"sats"`
	Attributes json.RawMessage `json:"attributes"`
}

// wireFrame is a position, positions, snapshot or roster frame as a client reads it.
type wireFrame struct {
	wireBody
	Type      string     `json:"type"`
	Topic     string     `json:"topic"`
	Part      int        `json:"part"`
	Parts     int        `json:"parts"`
	Reason    string     `json:"reason"`
	Conflated *uint64    `json:"conflated"`
	Positions []wireBody `json:"positions"`
	Added     []string   `json:"added"`
	Removed   []string   `json:"removed"`
}

// parse reads a JSON text. Unknown members fail the test.
func parse[T any](t testing.TB, text []byte) (v T) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v\ntext: %s", err, text)
	}
	if !json.Valid(text) {
		t.Fatalf("no valid JSON: %s", text)
	}
	return v
}

// checkBody compares a body as a client reads it with the position.
func checkBody(t testing.TB, b *wireBody, p *Position, ts int64) {
	t.Helper()
	if want := strings.ToValidUTF8(p.DeviceID, ""); strings.ReplaceAll(b.DeviceID, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") || b.TS != ts {
		t.Errorf("device %q at %d, want %q at %d", b.DeviceID, b.TS, p.DeviceID, ts)
	}
	checkNumber(t, "lat", b.Lat, p.Lat, true)
	checkNumber(t, "lon", b.Lon, p.Lon, true)
	checkNumber(t, "alt", b.Alt, p.Alt, p.Has&HasAlt != 0)
	checkNumber(t, "speed", b.Speed, p.Speed, p.Has&HasSpeed != 0)
	checkNumber(t, "course", b.Course, p.Course, p.Has&HasCourse != 0)
	if (b.Sats != nil) != (p.Has&HasSats != 0) || b.Sats != nil && *b.Sats != p.Sats {
		t.Errorf("sats %v, want %d (%b)", b.Sats, p.Sats, p.Has)
	}
	if string(b.Attributes) != string(p.Attributes) {
		t.Errorf("attributes %s, want %s", b.Attributes, p.Attributes)
	}
}

func checkNumber(t testing.TB, name string, got *float64, want float64, has bool) {
	t.Helper()
	if math.IsNaN(want) || math.IsInf(want, 0) {
		has = false // null
	}
	if (got != nil) != has {
		t.Errorf("%s is there: %t, want %t", name, got != nil, has)
	} else if has && math.Float64bits(*got) != math.Float64bits(want) {
		t.Errorf("%s %v, want %v", name, *got, want)
	}
}
