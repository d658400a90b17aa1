package codec

import (
	"math"
	"testing"
)

// decodeEntry decodes a record with an entry id. The reason is 0 without an error.
func decodeEntry(l Limits, arrival int64, seq uint64, fields []string) (p Position, reason Reason) {
	d := NewDecoder(l)
	if err := d.Decode(&p, arrival, seq, fields); err != nil {
		return p, d.err.Reason
	}
	return p, 0
}

// The time of an entry's id is the milliseconds plus the sequence number, so that the
// entries of one millisecond have different times.
func TestRecordsWithoutATimeHaveThatOfTheirEntry(t *testing.T) {
	for name, fields := range map[string][]string{
		"no field":                  {"device_id", "d1", "lat", "1", "lon", "2"},
		"an empty field":            flatWith("ts", ""),
		"null in the payload":       payloadRecord(minimal(`"timestamp":null`)),
		"empty in the payload":      payloadRecord(minimal(`"timestamp":""`)),
		"empty in both":             append(payloadRecord(minimal(`"timestamp":""`)), "ts", ""),
		"a time, then an empty one": payloadRecord(minimal(`"timestamp":1748779200500,"timestamp":""`)),
		"no member in the payload":  payloadRecord(minimal(`"x":1`)),
		"the last field is empty":   flatWith("ts", "1748779200500", "ts", ""),
	} {
		t.Run(name, func(t *testing.T) {
			for _, seq := range []uint64{0, 1, 2, 86_400_000} {
				p, reason := decodeEntry(DefaultLimits(), testArrival, seq, fields)
				if want := testArrival + int64(seq); reason != 0 || p.TS != want || !p.Untimed || p.Arrival != testArrival {
					t.Errorf("entry %d-%d: %v, %+v, want time %d", int64(testArrival), seq, reason, p, want)
				}
			}
			compareEntry(t, NewDecoder(DefaultLimits()), 7, fields)
		})
	}
	for name, fields := range map[string][]string{
		"a field":                       flatWith("ts", "1748779200500"),
		"the payload":                   payloadRecord(plainPayload),
		"a field, empty in the payload": append(payloadRecord(minimal(`"timestamp":""`)), "ts", "1748779200500"),
	} {
		if p, reason := decodeEntry(DefaultLimits(), testArrival, 9, fields); reason != 0 || p.TS != plainTS || p.Untimed {
			t.Errorf("%s: %v, %+v", name, reason, p)
		}
	}
}

// A publisher may choose any sequence number. One that is too large for a time is
// refused and does not overflow to a valid time.
func TestHugeSequenceNumbersAreRefused(t *testing.T) {
	flat := []string{"device_id", "d1", "lat", "1", "lon", "2"}
	for _, seq := range []uint64{86_400_001, 1 << 40, 1 << 62, math.MaxInt64, 1 << 63, math.MaxUint64 - testArrival, math.MaxUint64 - testArrival + 1, math.MaxUint64} {
		for _, l := range []Limits{DefaultLimits(), {MaxAhead: math.MaxInt64, MaxPayload: 100}} {
			if p, reason := decodeEntry(l, testArrival, seq, flat); reason != ReasonTSOutOfRange && l.MaxAhead == DefaultLimits().MaxAhead || reason == 0 && p.TS < testArrival {
				t.Errorf("sequence number %d: %v, time %d", seq, reason, p.TS)
			}
		}
		if p, reason := decodeEntry(DefaultLimits(), testArrival, seq, payloadRecord(plainPayload)); reason != 0 || p.TS != plainTS {
			t.Errorf("sequence number %d of a record with a time: %v, %+v", seq, reason, p)
		}
	}
	for _, arrival := range []int64{maxArrival + 1, math.MaxInt64, -1, math.MinInt64} {
		if p, reason := decodeEntry(DefaultLimits(), arrival, 1, flat); reason != ReasonTSOutOfRange {
			t.Errorf("arrival %d: %v, time %d", arrival, reason, p.TS)
		}
	}
}

// With EarlyIsAbsent, a time before MinTS is replaced by that of the entry. Without it,
// the record is refused: see TestPayloadTimeWinsOverFieldAndEntry.
func TestEarlyTimeCountsAsAbsent(t *testing.T) {
	l := DefaultLimits()
	l.EarlyIsAbsent = true
	d := NewDecoder(l)
	for _, ts := range []string{"0", "946684799999", "-1e300", "1980-01-06T00:00:00Z", "1748779200"} {
		for _, fields := range [][]string{
			flatWith("ts", ts), payloadRecord(minimal(`"timestamp":"` + ts + `"`)), append(payloadRecord(minimal(`"x":0`)), "ts", ts),
		} {
			if p, reason := decodeEntry(l, testArrival, 3, fields); reason != 0 || p.TS != testArrival+3 || !p.Untimed {
				t.Errorf("%q: %v, %+v", fields, reason, p)
			}
			compareEntry(t, d, 3, fields)
		}
	}
	if p, reason := decodeEntry(l, testArrival, 3, flatWith("ts", "946684800000")); reason != 0 || p.Untimed || p.TS != l.MinTS {
		t.Errorf("the first time allowed: %v, %+v", reason, p)
	}
	for name, fields := range map[string][]string{"too far ahead": flatWith("ts", "1748865605001"), "the year 10000": flatWith("ts", "253402300800000")} {
		if _, reason := decodeEntry(l, testArrival, 3, fields); reason != ReasonTSOutOfRange {
			t.Errorf("%s: %v", name, reason)
		}
	}
	if _, reason := decodeEntry(l, 5, 0, flatWith("ts", "0")); reason != ReasonTSOutOfRange {
		t.Errorf("an entry before the first time allowed: %v", reason)
	}
}

func TestNullIslandIsFaulty(t *testing.T) {
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
		{payloadRecord(`{"latitude":0,"longitude":0,"satellites":null}`), true},
		{payloadRecord(`{"latitude":0,"longitude":0,"satellites":3}`), false},
	} {
		if p, reason := decodeEntry(l, testArrival, 0, tt.fields); reason != 0 || p.Faulty != tt.faulty {
			t.Errorf("%q: %v, faulty %t, want %t", tt.fields, reason, p.Faulty, tt.faulty)
		}
		compareWithOracle(t, d, tt.fields)
	}
	if p := mustDecode(t, []string{"device_id", "d1", "lat", "0", "lon", "0"}); p.Faulty {
		t.Error("faulty although the limit is not set")
	}
}
