package codec

import (
	"math"
	"math/rand/v2"
	"testing"
)

// flatWith makes a flat record of a position and more fields.
func flatWith(more ...string) []string {
	return append([]string{"device_id", "d1", "lat", "1", "lon", "2"}, more...)
}

func TestFlatRecordsThatAreTaken(t *testing.T) {
	with := func(change func(*Position)) Position {
		p := Position{DeviceID: "d1", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2}
		change(&p)
		return p
	}
	tests := []struct {
		name   string
		fields []string
		want   Position
	}{
		{"each optional number alone", flatWith("course", "0"), with(func(p *Position) { p.Has = HasCourse })},
		{"all optional numbers", flatWith("alt", "-12.25", "speed", "1e2", "course", "0.5", "sats", "12.0"), with(func(p *Position) {
			p.Alt, p.Speed, p.Course, p.Sats, p.Has = -12.25, 100, 0.5, 12, HasAlt|HasSpeed|HasCourse|HasSats
		})},
		{"faulty as 1", flatWith("faulty", "1"), with(func(p *Position) { p.Faulty = true })},
		{"faulty as true", flatWith("faulty", "true"), with(func(p *Position) { p.Faulty = true })},
		{"faulty as 0", flatWith("faulty", "0"), with(func(p *Position) {})},
		{"faulty as false", flatWith("faulty", "false"), with(func(p *Position) {})},
		{"attributes", flatWith("attributes", `{"a":1,"b":{"__bigint":"-9"}}`), with(func(p *Position) { p.Attributes = `{"a":1,"b":{"__bigint":"-9"}}` })},
		{"attributes in white space", flatWith("attributes", " {\n} \t"), with(func(p *Position) { p.Attributes = "{\n}" })},
		{"null as attributes", flatWith("attributes", " null "), with(func(p *Position) {})},
		{"negative zero", []string{"device_id", "d1", "lat", "-0", "lon", "-0.00"}, with(func(p *Position) {
			p.Lat, p.Lon = math.Copysign(0, -1), math.Copysign(0, -1)
		})},
		{"a time with an offset", flatWith("ts", "2025-06-01T14:30:00.5+02:30"), with(func(p *Position) { p.TS, p.Untimed = plainTS, false })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustDecode(t, tt.fields); !same(got, tt.want) {
				t.Errorf("input: %q\ngot:  %+v\nwant: %+v", tt.fields, got, tt.want)
			}
		})
	}
}

func TestFlatRecordsThatAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		fields []string
		why    Reason
		field  string
	}{
		{"no latitude", []string{"device_id", "d1", "lon", "2"}, ReasonMissing, "lat"},
		{"no longitude", []string{"device_id", "d1", "lat", "2"}, ReasonMissing, "lon"},
		{"an empty number", flatWith("alt", ""), ReasonNumber, "alt"},
		{"a number in white space", flatWith("alt", " 1"), ReasonNumber, "alt"},
		{"something behind a number", flatWith("speed", "1 km/h"), ReasonNumber, "speed"},
		{"something behind a long number", flatWith("speed", "123456789.123x"), ReasonNumber, "speed"},
		{"a decimal comma", flatWith("course", "1,5"), ReasonNumber, "course"},
		{"two points", flatWith("course", "1.5.1"), ReasonNumber, "course"},
		{"no digit before the point", flatWith("alt", ".5"), ReasonNumber, "alt"},
		{"no digit behind the point", flatWith("alt", "5."), ReasonNumber, "alt"},
		{"a leading zero", flatWith("sats", "07"), ReasonNumber, "sats"},
		{"hexadecimal", flatWith("sats", "0x7"), ReasonNumber, "sats"},
		{"infinity", flatWith("alt", "Inf"), ReasonNumber, "alt"},
		{"beyond a float64", flatWith("alt", "-1e309"), ReasonNumber, "alt"},
		{"null as number", flatWith("alt", "null"), ReasonNumber, "alt"},
		{"half a satellite", flatWith("sats", "7.5"), ReasonNumber, "sats"},
		{"negative satellites", flatWith("sats", "-7"), ReasonRange, "sats"},
		{"latitude beyond the pole", []string{"device_id", "d1", "lat", "-90.1", "lon", "2"}, ReasonRange, "lat"},
		{"longitude beyond the date line", []string{"device_id", "d1", "lat", "1", "lon", "180.1"}, ReasonRange, "lon"},
		{"faulty in words", flatWith("faulty", "yes"), ReasonType, "faulty"},
		{"faulty and empty", flatWith("faulty", ""), ReasonType, "faulty"},
		{"empty attributes", flatWith("attributes", ""), ReasonAttribute, "attributes"},
		{"attributes as a list", flatWith("attributes", "[]"), ReasonAttribute, "attributes"},
		{"a null attribute", flatWith("attributes", `{"a":null}`), ReasonAttribute, "attributes"},
		{"attributes cut short", flatWith("attributes", `{"a":1`), ReasonJSON, "attributes"},
		{"something behind attributes", flatWith("attributes", `{"a":1}x`), ReasonJSON, "attributes"},
		{"NUL in attributes", flatWith("attributes", `{"a":"\u0000"}`), ReasonText, "attributes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantFault(t, tt.fields, tt.why, tt.field)
			if p, ok := oracle(DefaultLimits(), testArrival, 0, tt.fields); ok {
				t.Errorf("the oracle takes it: %+v", p)
			}
		})
	}
}

// TestRandomFlatNumbers compares all short texts over the characters of
// numbers, and random longer ones, with the oracle.
func TestRandomFlatNumbers(t *testing.T) {
	const letters = "0159.-e"
	d := NewDecoder(DefaultLimits())
	text := make([]byte, 0, 24)
	var grow func(n int)
	grow = func(n int) {
		compareWithOracle(t, d, flatWith("alt", string(text)))
		if n == 0 {
			return
		}
		for _, c := range []byte(letters) {
			text = append(text, c)
			grow(n - 1)
			text = text[:len(text)-1]
		}
	}
	grow(4)
	r := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		text = text[:0]
		for range 5 + r.IntN(16) {
			text = append(text, "00123456789.-e"[r.IntN(14)])
		}
		compareWithOracle(t, d, flatWith("alt", string(text)))
	}
}
