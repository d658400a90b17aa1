package codec

import (
	"math"
	"testing"
)

// decodeEntry decodes a record of an entry id; the error is a copy.
func decodeEntry(l Limits, arrival int64, seq uint64, fields []string) (p Position, why Reason) {
	d := NewDecoder(l)
	if err := d.Decode(&p, arrival, seq, fields); err != nil {
		return p, d.err.Reason
	}
	return p, 0
}

// A record without a time has that of its entry's id: the milliseconds and the
// sequence number, so that the entries of one millisecond are kept apart.
func TestRecordsWithoutATime(t *testing.T) {
	for name, fields := range map[string][]string{
		"no field":                {"device_id", "d1", "lat", "1", "lon", "2"},
		"an empty field":          flatWith("ts", ""),
		"null in the payload":     shapeA(minimal(`"timestamp":null`)),
		"empty in the payload":    shapeA(minimal(`"timestamp":""`)),
		"empty in both":           append(shapeA(minimal(`"timestamp":""`)), "ts", ""),
		"taken back":              shapeA(minimal(`"timestamp":1748779200500,"timestamp":""`)),
		"none, in a payload":      shapeA(minimal(`"x":1`)),
		"the last field is empty": flatWith("ts", "1748779200500", "ts", ""),
	} {
		t.Run(name, func(t *testing.T) {
			for _, seq := range []uint64{0, 1, 2, 86_400_000} {
				p, why := decodeEntry(DefaultLimits(), testArrival, seq, fields)
				if want := testArrival + int64(seq); why != 0 || p.TS != want || !p.Untimed || p.Arrival != testArrival {
					t.Errorf("entry %d-%d: %v, %+v, want time %d", int64(testArrival), seq, why, p, want)
				}
			}
			compareEntry(t, NewDecoder(DefaultLimits()), 7, fields)
		})
	}
	for name, fields := range map[string][]string{
		"a field":                       flatWith("ts", "1748779200500"),
		"the payload":                   shapeA(plainPayload),
		"a field, empty in the payload": append(shapeA(minimal(`"timestamp":""`)), "ts", "1748779200500"),
	} {
		if p, why := decodeEntry(DefaultLimits(), testArrival, 9, fields); why != 0 || p.TS != plainTS || p.Untimed {
			t.Errorf("%s: %v, %+v", name, why, p)
		}
	}
}

// A publisher may choose any sequence number. One that is no time is refused,
// and never wraps round to a time that is.
func TestSequenceNumbersThatAreNoTime(t *testing.T) {
	flat := []string{"device_id", "d1", "lat", "1", "lon", "2"}
	for _, seq := range []uint64{86_400_001, 1 << 40, 1 << 62, math.MaxInt64, 1 << 63, math.MaxUint64 - testArrival, math.MaxUint64 - testArrival + 1, math.MaxUint64} {
		for _, l := range []Limits{DefaultLimits(), {MaxAhead: math.MaxInt64, MaxPayload: 100}} {
			if p, why := decodeEntry(l, testArrival, seq, flat); why != ReasonTSOutOfRange && l.MaxAhead == DefaultLimits().MaxAhead || why == 0 && p.TS < testArrival {
				t.Errorf("sequence number %d: %v, time %d", seq, why, p.TS)
			}
		}
		if p, why := decodeEntry(DefaultLimits(), testArrival, seq, shapeA(plainPayload)); why != 0 || p.TS != plainTS {
			t.Errorf("sequence number %d of a record with a time: %v, %+v", seq, why, p)
		}
	}
	for _, arrival := range []int64{maxArrival + 1, math.MaxInt64, -1, math.MinInt64} {
		if p, why := decodeEntry(DefaultLimits(), arrival, 1, flat); why != ReasonTSOutOfRange {
			t.Errorf("arrival %d: %v, time %d", arrival, why, p.TS)
		}
	}
}

// Screens go by the entry where a device shows a time before the first one
// allowed; without the limit such a record is refused, as TestTimeOfTheRecord
// says.
func TestATimeThatIsTooEarlyCountsAsAbsent(t *testing.T) {
	l := DefaultLimits()
	l.EarlyIsAbsent = true
	d := NewDecoder(l)
	for _, ts := range []string{"0", "946684799999", "-1e300", "1980-01-06T00:00:00Z", "1748779200"} {
		for _, fields := range [][]string{
			flatWith("ts", ts), shapeA(minimal(`"timestamp":"` + ts + `"`)), append(shapeA(minimal(`"x":0`)), "ts", ts),
		} {
			if p, why := decodeEntry(l, testArrival, 3, fields); why != 0 || p.TS != testArrival+3 || !p.Untimed {
				t.Errorf("%q: %v, %+v", fields, why, p)
			}
			compareEntry(t, d, 3, fields)
		}
	}
	if p, why := decodeEntry(l, testArrival, 3, flatWith("ts", "946684800000")); why != 0 || p.Untimed || p.TS != l.MinTS {
		t.Errorf("the first time allowed: %v, %+v", why, p)
	}
	for name, fields := range map[string][]string{"too far ahead": flatWith("ts", "1748865605001"), "the year 10000": flatWith("ts", "253402300800000")} {
		if _, why := decodeEntry(l, testArrival, 3, fields); why != ReasonTSOutOfRange {
			t.Errorf("%s: %v", name, why)
		}
	}
	if _, why := decodeEntry(l, 5, 0, flatWith("ts", "0")); why != ReasonTSOutOfRange {
		t.Errorf("an entry before the first time allowed: %v", why)
	}
}

func TestNullIsland(t *testing.T) {
	l := DefaultLimits()
	l.RejectNullIsland = true
	d := NewDecoder(l)
	for _, tt := range []struct {
		fields []string
		faulty bool
	}{
		{[]string{"device_id", "d1", "lat", "0", "lon", "0"}, true},
		{[]string{"device_id", "d1", "lat", "-0.0", "lon", "0e5", "sats", "0"}, true},
		{[]string{"device_id", "d1", "lat", "0", "lon", "0", "sats", "1"}, false},
		{[]string{"device_id", "d1", "lat", "0", "lon", "0.0000001", "sats", "0"}, false},
		{[]string{"device_id", "d1", "lat", "-0.0000001", "lon", "0"}, false},
		{[]string{"device_id", "d1", "lat", "0", "lon", "0", "sats", "4", "faulty", "1"}, true},
		{shapeA(`{"latitude":0,"longitude":0,"satellites":null}`), true},
		{shapeA(`{"latitude":0,"longitude":0,"satellites":3}`), false},
	} {
		if p, why := decodeEntry(l, testArrival, 0, tt.fields); why != 0 || p.Faulty != tt.faulty {
			t.Errorf("%q: %v, faulty %t, want %t", tt.fields, why, p.Faulty, tt.faulty)
		}
		compareWithOracle(t, d, tt.fields)
	}
	if p := mustDecode(t, []string{"device_id", "d1", "lat", "0", "lon", "0"}); p.Faulty {
		t.Error("faulty although the limit is not set")
	}
}
