package codec

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDecodeAcceptsPayloadAndFlatRecords(t *testing.T) {
	flat := plainPosition()
	flat.Codec, flat.Priority, flat.Has = "", 0, flat.Has&^HasPriority
	tests := []struct {
		name   string
		fields []string
		want   Position
	}{
		{"payload", payloadRecord(plainPayload), plainPosition()},
		{"payload before everything else", []string{"payload", plainPayload, "codec", "8E", "device_id", "d1"}, plainPosition()},
		{"flat", []string{
			"device_id", "d1", "ts", "2025-06-01T12:00:00.5Z", "lat", "47.1234567", "lon", "-11.5", "alt", "612.3",
			"course", "359.9", "speed", "12.5", "sats", "11", "attributes", `{"battery":87}`, "faulty", "0",
		}, flat},
		{"payload wins over flat fields", append(payloadRecord(plainPayload), "lat", "x", "lon", "200", "faulty", "1", "attributes", "["), plainPosition()},
		{"the smallest payload", []string{"device_id", "d1", "payload", `{"latitude":1,"longitude":2}`},
			Position{DeviceID: "d1", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2}},
		{"the smallest flat record", []string{"device_id", "d1", "lat", "1", "lon", "2"},
			Position{DeviceID: "d1", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2}},
		{"codec of a flat record is ignored", []string{"device_id", "d1", "codec", "8E", "lat", "1", "lon", "2"},
			Position{DeviceID: "d1", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2}},
		{"unknown fields", []string{"x", "\x00", "device_id", "d1", "lat", "1", "", "", "lon", "2", "priority", "x"},
			Position{DeviceID: "d1", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2}},
		{"the last of several fields of one name", []string{"device_id", "\x00", "lat", "x", "device_id", "d1", "lat", "1", "lon", "2", "ts", "x", "ts", "1748779200500"},
			Position{DeviceID: "d1", TS: plainTS, Arrival: testArrival, Lat: 1, Lon: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustDecode(t, tt.fields); !same(got, tt.want) {
				t.Errorf("input: %q\ngot:  %+v\nwant: %+v", tt.fields, got, tt.want)
			}
		})
	}
}

func TestDecodeRefusesInvalidRecords(t *testing.T) {
	big := strings.Repeat(" ", 16<<10)
	tests := []struct {
		name   string
		fields []string
		reason Reason
		field  string
	}{
		{"no fields", nil, ReasonMissing, "device_id"},
		{"a name without a value", []string{"device_id", "d1", "lat"}, ReasonRecord, "record"},
		{"no device", []string{"lat", "1", "lon", "2"}, ReasonMissing, "device_id"},
		{"a device in the payload only", []string{"payload", plainPayload}, ReasonMissing, "device_id"},
		{"an empty device", []string{"device_id", "", "lat", "1", "lon", "2"}, ReasonDeviceID, "device_id"},
		{"a device of 65 bytes", []string{"device_id", strings.Repeat("d", 65), "lat", "1", "lon", "2"}, ReasonDeviceID, "device_id"},
		{"a control character in the device", []string{"device_id", "d\n", "lat", "1", "lon", "2"}, ReasonDeviceID, "device_id"},
		{"a device that is not ASCII", []string{"device_id", "gerät", "lat", "1", "lon", "2"}, ReasonDeviceID, "device_id"},
		{"a payload of more than 16 KiB", payloadRecord(plainPayload + big), ReasonTooLarge, "payload"},
		{"a time in words", []string{"device_id", "d1", "ts", "now", "lat", "1", "lon", "2"}, ReasonTimestamp, "ts"},
		{"an empty payload", payloadRecord(""), ReasonJSON, "payload"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantFault(t, tt.fields, tt.reason, tt.field) })
	}
}

func TestDecodeAcceptsTheLongestValues(t *testing.T) {
	every := ""
	for c := byte(' '); c <= '~'; c++ {
		every += string(c)
	}
	for _, id := range []string{"x", every[:64], every[len(every)-64:], strings.Repeat("d", 64)} {
		if p := mustDecode(t, []string{"device_id", id, "lat", "1", "lon", "2"}); p.DeviceID != id {
			t.Errorf("device %q became %q", id, p.DeviceID)
		}
	}
	payload := plainPayload + strings.Repeat(" ", 16<<10-len(plainPayload))
	mustDecode(t, payloadRecord(payload))
	codec := strings.Repeat("ü", 32)
	if p := mustDecode(t, []string{"device_id", "d1", "codec", codec, "payload", plainPayload}); p.Codec != codec {
		t.Errorf("codec %q", p.Codec)
	}
}

func TestPayloadTimeWinsOverFieldAndEntry(t *testing.T) {
	tests := []struct {
		name   string
		fields []string
		want   int64
	}{
		{"the payload's wins over the field", append(payloadRecord(plainPayload), "ts", "1748779201000"), plainTS},
		{"the payload's wins over a broken field", append(payloadRecord(plainPayload), "ts", "x"), plainTS},
		{"null in the payload leaves it to the field", append(payloadRecord(minimal(`"timestamp":null`)), "ts", "1748779201000"), 1748779201000},
		{"null after the payload's time leaves it to the field", append(payloadRecord(minimal(`"timestamp":1748779200500,"timestamp":null`)), "ts", "1748779201000"), 1748779201000},
		{"without any time it is the arrival", payloadRecord(minimal(`"timestamp":null`)), testArrival},
		{"the first moment allowed", []string{"device_id", "d1", "lat", "1", "lon", "2", "ts", "2000-01-01T00:00:00Z"}, 946684800000},
		{"the last moment allowed", []string{"device_id", "d1", "lat", "1", "lon", "2", "ts", "1748865605000"}, testArrival + 86400000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if p := mustDecode(t, tt.fields); p.TS != tt.want || p.Arrival != testArrival {
				t.Errorf("time %d and arrival %d, want %d and %d", p.TS, p.Arrival, tt.want, int64(testArrival))
			}
		})
	}
	for name, ts := range map[string]string{
		"a ms before the first": "946684799999", "a ms after the last": "1748865605001", "epoch seconds": "1748779200",
		"far future": "1e300", "far past": "-1e300", "beyond an int64": "9223372036854775808", "year 0": "0000-01-01T00:00:00Z",
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, []string{"device_id", "d1", "lat", "1", "lon", "2", "ts", ts}, ReasonTSOutOfRange, "ts")
			wantFault(t, payloadRecord(minimal(`"timestamp":"`+ts+`"`)), ReasonTSOutOfRange, "payload.timestamp")
			wantFault(t, append(payloadRecord(minimal(`"x":0`)), "ts", ts), ReasonTSOutOfRange, "ts")
		})
	}
}

// A publisher may choose the id of an entry, up to 2^64 ms.
func TestArrivalAfterTheYear9999IsRefused(t *testing.T) {
	d := NewDecoder(DefaultLimits())
	const last = 253402300799999
	largest := ^uint64(0)
	for arrival, ok := range map[int64]bool{last: true, last + 1: false, 9e18: false, math.MaxInt64: false, int64(largest): false} {
		for _, fields := range [][]string{{"device_id", "d1", "lat", "1", "lon", "2"}, payloadRecord(plainPayload)} {
			var p Position
			err := d.Decode(&p, arrival, 0, fields)
			var bad *DecodeError
			if (err == nil) != ok || !ok && (!errors.As(err, &bad) || bad.Reason != ReasonTSOutOfRange) {
				t.Errorf("arrival %d, %q: got %v, want it accepted: %v", arrival, fields, err, ok)
			}
		}
	}
}

func TestDecodeObeysItsLimits(t *testing.T) {
	d := NewDecoder(Limits{MinTS: 1000, MaxAhead: 2 * time.Second, MaxPayload: 30})
	var p Position
	for ts, ok := range map[string]bool{"999": false, "1000": true, "7000": true, "7001": false} {
		err := d.Decode(&p, 5000, 0, []string{"device_id", "d1", "ts", ts, "lat", "1", "lon", "2"})
		if (err == nil) != ok {
			t.Errorf("ts %s: %v", ts, err)
		}
	}
	payload := `{"latitude":1,"longitude":2}`
	if err := d.Decode(&p, 5000, 0, []string{"device_id", "d1", "payload", payload + "  "}); err != nil {
		t.Errorf("a payload of 30 bytes: %v", err)
	}
	if err := d.Decode(&p, 5000, 0, []string{"device_id", "d1", "payload", payload + "   "}); err == nil {
		t.Error("a payload of 31 bytes was accepted")
	}
}

func TestDecodeSetsEveryField(t *testing.T) {
	d := NewDecoder(DefaultLimits())
	p := plainPosition()
	p.Faulty = true
	if err := d.Decode(&p, testArrival, 0, []string{"device_id", "d2", "lat", "1", "lon", "2"}); err != nil {
		t.Fatal(err)
	}
	if want := (Position{DeviceID: "d2", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2}); p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
}

func TestErrorIsOverwrittenByTheNextCall(t *testing.T) {
	d := NewDecoder(DefaultLimits())
	var p Position
	first := d.Decode(&p, testArrival, 0, []string{"device_id", "d1", "lat", "91", "lon", "2"})
	var bad *DecodeError
	if !errors.As(first, &bad) || bad.Reason != ReasonRange {
		t.Fatalf("got %v", first)
	}
	saved := *bad
	if err := d.Decode(&p, testArrival, 0, payloadRecord(plainPayload)); err != nil {
		t.Fatalf("a good record after a bad one: %v", err)
	}
	second := d.Decode(&p, testArrival, 0, nil)
	if first != second {
		t.Error("a second error was allocated")
	}
	if saved.Reason != ReasonRange || bad.Reason != ReasonMissing {
		t.Errorf("the copy has %v, the decoder's error %v; want %v and %v", saved.Reason, bad.Reason, ReasonRange, ReasonMissing)
	}
}

func TestReasonsHaveStableNames(t *testing.T) {
	want := []string{
		"bad_record", "missing_field", "bad_device_id", "payload_too_large", "bad_json", "bad_text", "bad_number",
		"bad_type", "out_of_range", "bad_timestamp", "ts_out_of_range", "bad_attribute",
	}
	var got []string
	for _, r := range Reasons() {
		got = append(got, r.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := Reason(200).String(); got != "Reason(200)" {
		t.Errorf("an unknown reason is %q", got)
	}
	err := DecodeError{Reason: ReasonRange, Field: "payload.latitude", Offset: 12}
	if got := err.Error(); got != "decode payload.latitude: out_of_range at byte 12" {
		t.Errorf("error text %q", got)
	}
}

func TestCloneOwnsItsStrings(t *testing.T) {
	payload := []byte(plainPayload)
	fields := []string{"device_id", alias([]byte("d1")), "codec", alias([]byte("8E")), "payload", alias(payload)}
	p := mustDecode(t, fields)
	c := p.Clone()
	for i := range payload {
		payload[i] = 'x'
	}
	if want := plainPosition(); !same(c, want) {
		t.Errorf("the clone changed with its record: %+v", c)
	}
	if p.Attributes == c.Attributes {
		t.Error("the position does not alias the record")
	}
	empty := Position{DeviceID: "d"}
	if c := empty.Clone(); c != empty {
		t.Errorf("got %+v", c)
	}
}
