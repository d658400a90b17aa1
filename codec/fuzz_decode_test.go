package codec

import (
	"strings"
	"testing"
)

// payloadSeeds are payloads as a device, a careless publisher or an attacker could
// send them.
var payloadSeeds = []string{
	plainPayload,
	`{}`, ``, ` `, `null`, `[]`, `"x"`, `1`,
	`{"latitude":1,"longitude":2}`,
	` { "latitude" : 1 , "longitude" : 2 } `,
	`{"latitude":1,"longitude":2}x`,
	`{"latitude":1,"longitude":2,}`,
	`{"latitude":1 "longitude":2}`,
	`{"latitude":null,"longitude":2}`,
	`{"latitude":1,"latitude":2,"longitude":2,"longitude":3}`,
	`{"\u006catitude":1,"l\u006fngitude":2}`,
	`{"latitude":-0,"longitude":-0.0}`,
	`{"latitude":1e1,"longitude":1.5E+2}`,
	`{"latitude":4.70000000000000000001e1,"longitude":47123456789e-9}`,
	`{"latitude":90.0000000000000001,"longitude":180.0000001}`,
	`{"latitude":01,"longitude":2}`, `{"latitude":1.,"longitude":2}`, `{"latitude":.1,"longitude":2}`, `{"latitude":+1,"longitude":2}`,
	minimal(`"x":1e308`), minimal(`"x":1.7976931348623158e308`), minimal(`"x":1.7976931348623159e308`), minimal(`"x":1e309`), minimal(`"x":1e-400`),
	minimal(`"x":"\u0000"`), minimal(`"x":"\ud83d\ude00"`), minimal(`"x":"\ud83d"`), minimal(`"x":"\ude00\ud83d"`),
	minimal("\"x\":\"\xff\""), minimal("\"x\":\"\x00\""), minimal("\"x\":\"\xed\xa0\x80\""), minimal(`"x":"\q"`),
	minimal(`"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31)),
	minimal(`"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32)),
	minimal(`"timestamp":1748779200500`), minimal(`"timestamp":"1748779200500"`), minimal(`"timestamp":1.7487792005e12`), minimal(`"timestamp":1748779200500.9`),
	minimal(`"timestamp":"2025-06-01T14:00:00.123456+02:00"`), minimal(`"timestamp":"2025\u002d06-01t12:00:00z"`),
	minimal(`"timestamp":"2024-02-29T23:59:60Z"`), minimal(`"timestamp":"2025-02-29T00:00:00Z"`), minimal(`"timestamp":null`), minimal(`"timestamp":true`),
	minimal(`"faulty":true`), minimal(`"faulty":1`), minimal(`"faulty":null`),
	minimal(`"satellites":12.0`), minimal(`"satellites":12.5`), minimal(`"satellites":-1`), minimal(`"priority":2147483648`),
	minimal(`"attributes":null`), minimal(`"attributes":{}`), minimal(`"attributes":[]`), minimal(`"attributes":{"a":null}`),
	minimal(`"attributes":{"a":1,"b":"x","c":true,"d":{"__bigint":"-12"},"e":{"__buffer_b64":"q83v"}}`),
	minimal(`"attributes":{"a":{"__bigint":"x"}}`), minimal(`"attributes":{"a":{"__buffer_b64":"q8="}}`), minimal(`"attributes":{"a":{"b":1}}`),
	minimal(`"attributes":{"a":{"\u005f_bigint":"1"},"b":{"__buffer_b64":"\/\/\/\/"}}`),
	minimal(`"attributes":{"long name of an attribute":1.25,"ü":-3}`),
}

func FuzzDecodePayload(f *testing.F) {
	for _, s := range payloadSeeds {
		f.Add(s, "2025-06-01T12:00:00Z", "8E")
	}
	f.Add(plainPayload, "", "\x00")
	f.Add(minimal(`"x":1`), "1748779200500", "ü")
	d := NewDecoder(DefaultLimits())
	f.Fuzz(func(t *testing.T, payload, ts, codec string) {
		compareWithOracle(t, d, []string{"device_id", "d1", "ts", ts, "codec", codec, "payload", payload})
		compareWithOracle(t, d, []string{"payload", payload, "device_id", "d1"})
	})
}

func FuzzDecodeFlat(f *testing.F) {
	for _, s := range []string{"1", "-1.5", "0", "-0", "12", "359.99", "47.1234567", "-179.1234567", "1e1", "1e400", "01", "1.", ".1", "", " 1", "1 ", "1,2", "NaN", "+1", "0x1", "1_0", "12345678", "123456.8", "1234567.8", "0.1234567890123456789", "2147483648"} {
		f.Add("d1", "1748779200500", s, s, s, `{"a":1}`, "0")
	}
	for _, s := range []string{"", "2025-06-01T12:00:00Z", "2025-06-01T12:00:00.1234567-23:59", "1748779200500.7", "1.7487792e12", "yesterday", "-1", "946684799999", "946684800000", "1748865605000", "1748865605001", "123456789012345678901234567890"} {
		f.Add("d1", s, "1", "2", "3", "null", "true")
	}
	for _, s := range []string{"", "\x1f", "~", "\x7f", "ü", strings.Repeat("x", 64), strings.Repeat("x", 65), `"\`} {
		f.Add(s, "1748779200500", "1", "2", "3", ` {"a":"b"} `, "false")
	}
	d := NewDecoder(DefaultLimits())
	f.Fuzz(func(t *testing.T, device, ts, lat, lon, more, attributes, faulty string) {
		compareWithOracle(t, d, []string{"device_id", device, "ts", ts, "lat", lat, "lon", lon})
		compareWithOracle(t, d, []string{"device_id", device, "lat", lat, "lon", lon, "alt", more, "speed", lat, "course", lon, "attributes", attributes})
		compareWithOracle(t, d, []string{"lat", "1", "device_id", device, "lon", "2", "sats", more, "faulty", faulty, "odd", ts})
		compareWithOracle(t, d, []string{"device_id", "d", "lat", "1", "lon", "2", "alt", more, "alt", lat})
	})
}
