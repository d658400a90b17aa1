package codec

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// flatWith returns a flat record of a position with more fields.
func flatWith(more ...string) []string {
	return append([]string{"device_id", "d1", "lat", "1", "lon", "2"}, more...)
}

func TestFlatRecordsAreDecoded(t *testing.T) {
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
		{"faulty in upper case", flatWith("faulty", "TRUE"), with(func(p *Position) { p.Faulty = true })},
		{"faulty as Python writes it", flatWith("faulty", "True"), with(func(p *Position) { p.Faulty = true })},
		{"not faulty as Python writes it", flatWith("faulty", "False"), with(func(p *Position) {})},
		{"an empty faulty field", flatWith("faulty", ""), with(func(p *Position) {})},
		{"nested attributes", flatWith("attributes", `{"battery":null,"inregions":["Home"],"x":{"y":{}}}`), with(func(p *Position) { p.Attributes = `{"battery":null,"inregions":["Home"],"x":{"y":{}}}` })},
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

func TestInvalidFlatRecordsAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		fields []string
		reason Reason
		field  string
	}{
		{"no latitude", []string{"device_id", "d1", "lon", "2"}, ReasonMissing, "lat"},
		{"no longitude", []string{"device_id", "d1", "lat", "2"}, ReasonMissing, "lon"},
		{"an empty latitude", []string{"device_id", "d1", "lat", "", "lon", "2"}, ReasonNumber, "lat"},
		{"a longitude in words", []string{"device_id", "d1", "lat", "1", "lon", "east"}, ReasonNumber, "lon"},
		{"a latitude that is too long", []string{"device_id", "d1", "lat", "1." + strings.Repeat("0", 16<<10), "lon", "2"}, ReasonTooLarge, "lat"},
		{"a time that is too long", flatWith("ts", "1748779200500."+strings.Repeat("0", 16<<10)), ReasonTooLarge, "ts"},
		{"null as longitude", []string{"device_id", "d1", "lat", "1", "lon", "null"}, ReasonNumber, "lon"},
		{"latitude beyond the pole", []string{"device_id", "d1", "lat", "-90.1", "lon", "2"}, ReasonRange, "lat"},
		{"longitude beyond the date line", []string{"device_id", "d1", "lat", "1", "lon", "180.1"}, ReasonRange, "lon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantFault(t, tt.fields, tt.reason, tt.field)
			if p, _, ok := oracle(DefaultLimits(), testArrival, 0, tt.fields); ok {
				t.Errorf("the oracle accepts it: %+v", p)
			}
		})
	}
}

// TestFlatNumbersMatchTheOracle decodes all short texts of the characters of numbers,
// and random longer ones.
func TestFlatNumbersMatchTheOracle(t *testing.T) {
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
