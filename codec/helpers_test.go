package codec

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// testArrival is the arrival of the test records: 2025-06-01T12:00:05Z.
const testArrival = 1748779205000

// plainPayload is a payload with every member, as plainPosition has them.
const plainPayload = `{"device_id":"x","timestamp":"2025-06-01T12:00:00.500Z","latitude":47.1234567,"longitude":-11.5,` +
	`"altitude":612.3,"angle":359.9,"speed":12.5,"satellites":11,"priority":1,"attributes":{"battery":87},"faulty":false}`

const plainTS = 1748779200500

func plainPosition() Position {
	return Position{
		DeviceID: "d1", TS: plainTS, Arrival: testArrival, Lat: 47.1234567, Lon: -11.5,
		Alt: 612.3, Speed: 12.5, Course: 359.9, Sats: 11, Priority: 1,
		Has: HasAlt | HasSpeed | HasCourse | HasSats | HasPriority, Codec: "8E", Attributes: `{"battery":87}`,
	}
}

// payloadRecord returns a record with a payload.
func payloadRecord(payload string) []string {
	return []string{"device_id", "d1", "codec", "8E", "payload", payload}
}

// minimal returns a payload of a position with more members.
func minimal(members string) string {
	return `{"latitude":1,"longitude":2,` + members + `}`
}

// decode decodes with the default limits. The error is a copy.
func decode(t testing.TB, fields []string) (Position, *DecodeError) {
	t.Helper()
	d := NewDecoder(DefaultLimits())
	var p Position
	err := d.Decode(&p, testArrival, 0, fields)
	if err == nil {
		return p, nil
	}
	var bad *DecodeError
	if !errors.As(err, &bad) {
		t.Fatalf("the error is a %T, not a *DecodeError: %v", err, err)
	}
	if p != (Position{}) {
		t.Errorf("a record that was refused changed the position: %+v", p)
	}
	fault := *bad
	return p, &fault
}

// mustDecode decodes a record that must be accepted.
func mustDecode(t testing.TB, fields []string) Position {
	t.Helper()
	p, err := decode(t, fields)
	if err != nil {
		t.Fatalf("refused: %v\ninput: %q", err, fields)
	}
	return p
}

// wantFault checks that a record is refused because of one field.
func wantFault(t *testing.T, fields []string, reason Reason, field string) {
	t.Helper()
	p, err := decode(t, fields)
	if err == nil {
		t.Fatalf("accepted as %+v, want %v\ninput: %q", p, reason, fields)
	}
	if err.Reason != reason || err.Field != field {
		t.Errorf("refused with %v of %s, want %v of %s\ninput: %q", err.Reason, err.Field, reason, field, fields)
	}
}

// same compares two positions, their floats bit by bit.
func same(a, b Position) bool {
	for _, f := range [][2]float64{{a.Lat, b.Lat}, {a.Lon, b.Lon}, {a.Alt, b.Alt}, {a.Speed, b.Speed}, {a.Course, b.Course}} {
		if math.Float64bits(f[0]) != math.Float64bits(f[1]) {
			return false
		}
	}
	return a == b
}

// compareWithOracle decodes a record with the decoder and with the oracle.
func compareWithOracle(t *testing.T, d *Decoder, fields []string) {
	t.Helper()
	compareEntry(t, d, 0, fields)
}

// compareEntry is compareWithOracle for an entry with a sequence number.
func compareEntry(t *testing.T, d *Decoder, seq uint64, fields []string) {
	t.Helper()
	var p Position
	err := d.Decode(&p, testArrival, seq, fields)
	want, left, ok := oracle(d.limits, testArrival, seq, fields)
	switch {
	case err != nil && ok:
		t.Fatalf("refused, but the oracle accepts it: %v\ninput: %q\nwant: %+v", err, fields, want)
	case err == nil && !ok:
		t.Fatalf("accepted, but the oracle refuses it\ninput: %q\ngot: %+v", fields, p)
	case err == nil && !same(p, want):
		t.Fatalf("different values\ninput: %q\ngot:  %+v\nwant: %+v", fields, p, want)
	}
	if err != nil {
		checkFault(t, fields, err)
		left = 0
	}
	got := uint16(0)
	for _, o := range d.LeftOut() {
		if !slices.Contains(Omissions(), o) {
			t.Errorf("left out %v because of %v, which Omissions does not list", o.Value, o.Reason)
		}
		got |= 1 << o.Value
	}
	if got != left {
		t.Fatalf("left out %b, want %b\ninput: %q", got, left, fields)
	}
}

// checkFault checks that an error has a known reason and an offset within its field.
func checkFault(t *testing.T, fields []string, err error) {
	t.Helper()
	var bad *DecodeError
	if !errors.As(err, &bad) {
		t.Fatalf("the error is a %T", err)
	}
	if bad.Reason == 0 || int(bad.Reason) > len(Reasons()) {
		t.Errorf("unknown reason %v", bad.Reason)
	}
	longest := 0
	name, _, _ := strings.Cut(bad.Field, ".")
	for i := 1; i < len(fields); i += 2 {
		if fields[i-1] == name {
			longest = len(fields[i])
		}
	}
	if bad.Offset < 0 || bad.Offset > longest {
		t.Errorf("offset %d in field %s, which has %d bytes\ninput: %q", bad.Offset, bad.Field, longest, fields)
	}
}
