package codec

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestPayloadsAreDecoded(t *testing.T) {
	plain := Position{DeviceID: "d1", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2, Codec: "8E"}
	with := func(change func(*Position)) Position {
		p := plain
		change(&p)
		return p
	}
	tests := []struct {
		name, payload string
		want          Position
	}{
		{"white space everywhere", " \t\r\n{ \"latitude\" : 1 ,\n\"longitude\"\t:\r2 } \n", plain},
		{"white space after colons alone", `{"latitude": 1,"longitude": 2}`, plain},
		{"names with escapes", `{"\u006Catitude":1,"longitud\u0065":2}`, plain},
		{"longer names than the known ones", minimal(`"latitudes":9,"longitudinal":9,"timestamps":9,"satellite":-9,"attribute":9,"speeds":"","anglers":"","faulty2":""`), plain},
		{"names that differ in case or at the beginning", minimal(`"xlatitude":91,"Latitude":91,"LATITUDE":91,"":91`), plain},
		{"a name of a thousand escapes", minimal(`"` + strings.Repeat(`\u0061`, 1000) + `":1`), plain},
		{"coordinates that occur twice", `{"latitude":91,"longitude":2,"latitude":1}`, plain},
		{"coordinates after null", `{"latitude":null,"longitude":2,"latitude":1}`, plain},
		{"null for all that is optional", minimal(`"altitude":null,"speed":null,"angle":null,"satellites":null,"priority":null,"attributes":null,"faulty":null`), plain},
		{"null after a value", minimal(`"altitude":5,"altitude":null,"satellites":-5,"satellites":null`), plain},
		{"any device_id", minimal(`"device_id":{"a":[1,null,"x"]}`), plain},
		{"unknown members of every kind", minimal(`"a":null,"b":true,"c":false,"d":-1.5e-3,"e":"\ud83d\ude00","f":[],"g":{},"h":[{},[1,2],{"x":[]}]`), plain},
		{"nested as deep as allowed", minimal(`"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31)), plain},
		{"coordinates as text", `{"latitude":"1","longitude":"\u0032.0"}`, plain},
		{"unknown members with any content", minimal(`"x":"\u0000","y":["\ud83d",1e309,-1e999],"\ude00":{"\u0000":1},"device_id":"` + "\xff" + `","\ud83d":1`), plain},
		{"an empty time", minimal(`"timestamp":""`), plain},
		{"faulty as other spellings of false", minimal(`"faulty":0,"faulty":"0","faulty":"FALSE","faulty":"","faulty":0.0`), plain},
		{"faulty and then null", minimal(`"faulty":1,"faulty":null`), plain},
		{"wrong optional values, then right ones", minimal(`"altitude":"x","altitude":null,"speed":true,"speed":null,"attributes":[],"attributes":null,"faulty":"maybe","faulty":false,"satellites":-1,"satellites":null`), plain},
		{"a wrong altitude, then a right one", minimal(`"altitude":"x","altitude":5`), with(func(p *Position) { p.Alt, p.Has = 5, HasAlt })},
		{"wrong attributes, then right ones", minimal(`"attributes":{"a":"\u0000"},"attributes":{"a":1}`), with(func(p *Position) { p.Attributes = `{"a":1}` })},
		{"numbers as text", minimal(`"altitude":"-12.5","speed":"\u0031e1","satellites":"7"`), with(func(p *Position) {
			p.Alt, p.Speed, p.Sats, p.Has = -12.5, 10, 7, HasAlt|HasSpeed|HasSats
		})},
		{"faulty as 1", minimal(`"faulty":1`), with(func(p *Position) { p.Faulty = true })},
		{"faulty as text", minimal(`"faulty":"Tru\u0065"`), with(func(p *Position) { p.Faulty = true })},
		{"nested attributes", minimal(`"attributes":{"battery":null,"inregions":["Home"],"x":{"y":[{}]}}`), with(func(p *Position) { p.Attributes = `{"battery":null,"inregions":["Home"],"x":{"y":[{}]}}` })},
		{"corners of the globe", `{"latitude":-90,"longitude":180.0}`, with(func(p *Position) { p.Lat, p.Lon = -90, 180 })},
		{"negative zero", `{"latitude":-0,"longitude":-0.0e5}`, with(func(p *Position) { p.Lat, p.Lon = math.Copysign(0, -1), math.Copysign(0, -1) })},
		{"exponents", `{"latitude":1e1,"longitude":-0.25E+2}`, with(func(p *Position) { p.Lat, p.Lon = 10, -25 })},
		{"more digits than a float64 has", `{"latitude":47.123456789012345678,"longitude":0.1000000000000000055511151231257827}`,
			with(func(p *Position) { p.Lat, p.Lon = 47.123456789012345678, 0.1 })},
		{"optional values", minimal(`"altitude":-12.5,"speed":0,"angle":360,"satellites":12.0,"priority":2147483647`), with(func(p *Position) {
			p.Alt, p.Course, p.Sats, p.Priority = -12.5, 360, 12, math.MaxInt32
			p.Has = HasAlt | HasSpeed | HasCourse | HasSats | HasPriority
		})},
		{"one optional value", minimal(`"angle":12`), with(func(p *Position) { p.Course, p.Has = 12, HasCourse })},
		{"faulty as true", minimal(`"faulty":true`), with(func(p *Position) { p.Faulty = true })},
		{"faulty, then not", minimal(`"faulty":true,"faulty":false`), plain},
		{"attributes unchanged", minimal(`"attributes": { "a" : 1e0 , "b":"\u0041/\/" } `), with(func(p *Position) { p.Attributes = `{ "a" : 1e0 , "b":"\u0041/\/" }` })},
		{"an empty object of attributes", minimal(`"attributes":{}`), with(func(p *Position) { p.Attributes = "{}" })},
		{"the last attributes", minimal(`"attributes":{"a":1},"attributes":{"b":2}`), with(func(p *Position) { p.Attributes = `{"b":2}` })},
		{"a time as a number", minimal(`"timestamp":1748779200500.99`), with(func(p *Position) { p.TS, p.Untimed = plainTS, false })},
		{"a time with an exponent", minimal(`"timestamp":1.7487792005e12`), with(func(p *Position) { p.TS, p.Untimed = plainTS, false })},
		{"a time as epoch text", minimal(`"timestamp":"1748779200500"`), with(func(p *Position) { p.TS, p.Untimed = plainTS, false })},
		{"a time with escapes", minimal(`"timestamp":"2025\u002D06-01T12:00:00.500\u005a"`), with(func(p *Position) { p.TS, p.Untimed = plainTS, false })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustDecode(t, payloadRecord(tt.payload)); !same(got, tt.want) {
				t.Errorf("input: %s\ngot:  %+v\nwant: %+v", tt.payload, got, tt.want)
			}
			if _, _, ok := oracle(DefaultLimits(), testArrival, 0, payloadRecord(tt.payload)); !ok {
				t.Error("the oracle refuses it")
			}
		})
	}
}

func TestInvalidPayloadsAreRefused(t *testing.T) {
	tests := []struct {
		name, payload string
		reason        Reason
		field         string
	}{
		{"no latitude", `{"longitude":2}`, ReasonMissing, "payload.latitude"},
		{"no longitude", `{"latitude":1}`, ReasonMissing, "payload.longitude"},
		{"an empty object", `{ }`, ReasonMissing, "payload.latitude"},
		{"null as latitude", `{"latitude":null,"longitude":2}`, ReasonMissing, "payload.latitude"},
		{"latitude beyond the pole", `{"latitude":90.0000001,"longitude":2}`, ReasonRange, "payload.latitude"},
		{"longitude beyond the date line", `{"latitude":1,"longitude":-180.0000001}`, ReasonRange, "payload.longitude"},
		{"a coordinate as empty text", `{"latitude":"","longitude":2}`, ReasonNumber, "payload.latitude"},
		{"a coordinate in words", `{"latitude":1,"longitude":"2 E"}`, ReasonNumber, "payload.longitude"},
		{"a coordinate with NUL", `{"latitude":"1\u0000","longitude":2}`, ReasonNumber, "payload.latitude"},
		{"a coordinate with a lone surrogate", `{"latitude":"\ud83d2345\\","longitude":2}`, ReasonNumber, "payload.latitude"},
		{"a coordinate of a thousand escapes", `{"latitude":"` + strings.Repeat(`\u0030`, 1000) + `","longitude":2}`, ReasonNumber, "payload.latitude"},
		{"a coordinate as object", `{"latitude":{"a":1},"longitude":2}`, ReasonType, "payload.latitude"},
		{"a coordinate beyond a float64", `{"latitude":1e309,"longitude":2}`, ReasonNumber, "payload.latitude"},
		{"coordinates as text out of range", `{"latitude":"91","longitude":2}`, ReasonRange, "payload.latitude"},
		{"a time with NUL", minimal(`"timestamp":"2025-06-01T12:00:00Z\u0000"`), ReasonText, "payload.timestamp"},
		{"an altitude that is no JSON", minimal(`"altitude":NaN`), ReasonJSON, "payload.altitude"},
		{"an altitude with a leading zero", minimal(`"altitude":01`), ReasonJSON, "payload.altitude"},
		{"an altitude that is not closed", minimal(`"altitude":[1`), ReasonJSON, "payload.altitude"},
		{"faulty that is no JSON", minimal(`"faulty":yes`), ReasonJSON, "payload.faulty"},
		{"attributes that are no JSON", minimal(`"attributes":{"a":tru}`), ReasonJSON, "payload.attributes"},
		{"truncated attributes", minimal(`"attributes":{"a":1`) + "x", ReasonJSON, "payload"},
		{"attributes nested too deep", minimal(`"attributes":{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`), ReasonJSON, "payload.attributes"},
		{"a string in attributes with a line break", minimal("\"attributes\":{\"a\":\"\n\"}"), ReasonJSON, "payload.attributes"},
		{"a broken escape after NUL", minimal(`"x":"\u0000\x"`), ReasonJSON, "payload"},
		{"a coordinate as boolean", `{"latitude":1,"longitude":true}`, ReasonType, "payload.longitude"},
		{"a leading zero", `{"latitude":01,"longitude":2}`, ReasonNumber, "payload.latitude"},
		{"a plus sign", `{"latitude":+1,"longitude":2}`, ReasonNumber, "payload.latitude"},
		{"NaN", `{"latitude":NaN,"longitude":2}`, ReasonNumber, "payload.latitude"},
		{"a time as boolean", minimal(`"timestamp":false`), ReasonType, "payload.timestamp"},
		{"a time in words", minimal(`"timestamp":"noon"`), ReasonTimestamp, "payload.timestamp"},
		{"a broken number as time", minimal(`"timestamp":1.`), ReasonNumber, "payload.timestamp"},
		{"a time of a thousand escapes", minimal(`"timestamp":"` + strings.Repeat(`\u0030`, 1000) + `"`), ReasonTimestamp, "payload.timestamp"},
		{"a list", `[1,2]`, ReasonJSON, "payload"},
		{"null", `null`, ReasonJSON, "payload"},
		{"a second object", `{"latitude":1,"longitude":2}{}`, ReasonJSON, "payload"},
		{"a bracket too many", `{"latitude":1,"longitude":2}}`, ReasonJSON, "payload"},
		{"NUL at the end", "{\"latitude\":1,\"longitude\":2}\x00", ReasonJSON, "payload"},
		{"no comma", `{"latitude":1 "longitude":2}`, ReasonJSON, "payload"},
		{"a comma too many", `{"latitude":1,"longitude":2,}`, ReasonJSON, "payload"},
		{"no colon", `{"latitude" 1,"longitude":2}`, ReasonJSON, "payload"},
		{"a name without quotes", `{latitude:1,"longitude":2}`, ReasonJSON, "payload"},
		{"a list closed as an object", minimal(`"x":[1}`), ReasonJSON, "payload"},
		{"nested too deep", minimal(`"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32)), ReasonJSON, "payload"},
		{"ten thousand brackets", minimal(`"x":` + strings.Repeat(`[`, 10000)), ReasonJSON, "payload"},
		{"a comment", minimal(`"x":1 /* no */`), ReasonJSON, "payload"},
		{"an unknown escape", minimal(`"x":"\x41"`), ReasonJSON, "payload"},
		{"a line break in a string", minimal("\"x\":\"a\nb\""), ReasonJSON, "payload"},
		{"NUL in a string", minimal("\"x\":\"a\x00b\""), ReasonJSON, "payload"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantFault(t, payloadRecord(tt.payload), tt.reason, tt.field)
			if p, _, ok := oracle(DefaultLimits(), testArrival, 0, payloadRecord(tt.payload)); ok {
				t.Errorf("the oracle accepts it: %+v", p)
			}
		})
	}
}

func TestErrorsHaveTheOffsetOfTheFault(t *testing.T) {
	tests := []struct {
		name, payload string
		want          int
	}{
		{"where the value begins", `{"longitude":2,"latitude":91}`, len(`{"longitude":2,"latitude":`)},
		{"where a number breaks", `{"latitude":12.x}`, len(`{"latitude":12.`)},
		{"where a list is not closed", `{"x":[1,2`, len(`{"x":[1,2`)},
		{"where a comma is missing", `{"latitude":1 "longitude":2}`, len(`{"latitude":1 `)},
		{"where an escape begins", `{"timestamp":"abc\u0000"}`, len(`{"timestamp":"abc`)},
		{"where an attribute breaks", `{"attributes":{"a":1,"b":nul}}`, len(`{"attributes":{"a":1,"b":`)},
		{"where text is no number", `{"longitude":2,"latitude":"x"}`, len(`{"longitude":2,"latitude":`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := decode(t, payloadRecord(tt.payload)); err == nil || err.Offset != tt.want {
				t.Errorf("got %v, want byte %d", err, tt.want)
			}
		})
	}
}

// TestTruncatedPayloadsAreRefused truncates a payload with every kind of value at every
// byte.
func TestTruncatedPayloadsAreRefused(t *testing.T) {
	payload := `{"timestamp":"2025-06-01T12:00:00.5Z","x":[{"a":"\ud83d\ude00ü"},-1.5e-3,true,null],"attributes":{"a":{"__bigint":"12"},"b":{"__buffer_b64":"q83v"},"c":"x","d":1},"latitude":1,"longitude":2}`
	mustDecode(t, payloadRecord(payload))
	for i := range payload {
		if p, err := decode(t, payloadRecord(payload[:i])); err == nil {
			t.Errorf("accepted with %d bytes of %d: %+v", i, len(payload), p)
		}
	}
}

// TestRandomPayloadsMatchTheOracle builds payloads of likely and unlikely parts and
// breaks some of them. Fuzzing changes single bytes; this test changes names and
// values.
func TestRandomPayloadsMatchTheOracle(t *testing.T) {
	names := []string{"latitude", "longitude", "altitude", "speed", "angle", "satellites", "priority", "timestamp", "attributes", "faulty", "device_id", "x", `sp\u0065ed`, ""}
	values := []string{
		"0", "-0", "1", "-1.5", "12.0", "90", "-180.00", "47.1234567", "12345678", "1234567.8", "0.12345678", "1e2", "1E-7", "123456789012", "1748779200500", "2147483648", "1e308", "1e309", "01", "1.", "-", "1e",
		"null", "true", "false", "nul", `""`, `"x"`, `"2025-06-01T12:00:00.000Z"`, `"2025-06-01T12:00:00+01:00"`, `"2025-06-31T12:00:00Z"`, `"1748779200500"`, `"\u0000"`, `"\ud83d\ude00"`, `"\ud83d"`, "\"ü\"", "\"\xff\"",
		`"1"`, `"-1.5e1"`, `"0"`, `"False"`, `"TRUE"`, `"maybe"`, "-0.0", "1.0", `"\u0031"`, `{"a":"\u0000","b":1}`, `{"\ud83d":1, "b" : 2 ,"c":1e999}`, `{"a":{"__bigint":1}}`, `["\ud83d"]`, "\"\x00\"", `"\ud83d2345\\"`,
		"{}", "[]", `{"a":1}`, `{"a":{"__bigint":"1"}}`, `{"a":{"__buffer_b64":"QUJD"}, "b" : "c"}`, `{"a":{"__bigint":"1","b":2}}`, `{"a":[1]}`, `{"a":null}`, `[[1,{"b":[]}],2]`,
	}
	seps := []string{"", "", "", "", " ", "\n"}
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	d := NewDecoder(DefaultLimits())
	for range 10_000 {
		payload := pick(seps) + `{` + pick(seps) + `"latitude":1,"longitude":` + pick(values[:8])
		for range r.IntN(6) {
			payload += pick(seps) + "," + pick(seps) + `"` + pick(names) + `"` + pick(seps) + ":" + pick(seps) + pick(values) + pick(seps)
		}
		payload += "}" + pick(seps)
		if r.IntN(8) == 0 {
			i := r.IntN(len(payload))
			payload = payload[:i] + pick([]string{"", ",", `"`, "}", "0", "\\", "\x00"}) + payload[i+r.IntN(2):]
		}
		compareWithOracle(t, d, payloadRecord(payload))
	}
}
