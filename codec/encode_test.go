package codec

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestAppendBodyWritesPresentValuesInOrder(t *testing.T) {
	everything := plainPosition()
	tests := []struct {
		name string
		p    Position
		ts   int64
		want string
	}{
		{"everything", everything, plainTS,
			`{"deviceId":"d1","ts":1748779200500,"lat":47.1234567,"lon":-11.5,"alt":612.3,"speed":12.5,"course":359.9,"sats":11,"attributes":{"battery":87}}`},
		{"required values only", Position{DeviceID: "d1", Lat: 1, Lon: 2}, 0, `{"deviceId":"d1","ts":0,"lat":1,"lon":2}`},
		{"optional values of zero", Position{DeviceID: "d", Has: HasAlt | HasSpeed | HasCourse | HasSats | HasPriority, Attributes: "{}"}, 1,
			`{"deviceId":"d","ts":1,"lat":0,"lon":0,"alt":0,"speed":0,"course":0,"sats":0,"attributes":{}}`},
		{"values without their bit in Has", Position{DeviceID: "d", Alt: 1, Speed: 2, Course: 3, Sats: 4, Priority: 5, Faulty: true, Codec: "x"}, 1,
			`{"deviceId":"d","ts":1,"lat":0,"lon":0}`},
		{"the time to show instead of the device's", Position{DeviceID: "d", TS: 5, Arrival: 6}, 7, `{"deviceId":"d","ts":7,"lat":0,"lon":0}`},
		{"a device that needs escapes", Position{DeviceID: `a"\b`}, 1, `{"deviceId":"a\"\\b","ts":1,"lat":0,"lon":0}`},
		{"attributes unchanged", Position{DeviceID: "d", Attributes: "{ \"a\" :\n1e0}"}, 1, "{\"deviceId\":\"d\",\"ts\":1,\"lat\":0,\"lon\":0,\"attributes\":{ \"a\" :\n1e0}}"},
		{"numbers that are not finite", Position{DeviceID: "d", Lat: math.NaN(), Lon: math.Inf(-1), Alt: math.Inf(1), Has: HasAlt}, 1,
			`{"deviceId":"d","ts":1,"lat":null,"lon":null,"alt":null}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(AppendBody([]byte("before"), &tt.p, tt.ts)); got != "before"+tt.want {
				t.Errorf("got  %s\nwant before%s", got, tt.want)
			}
		})
	}
}

func TestBodiesReadBack(t *testing.T) {
	for _, f := range randomFixes() {
		p := f.position()
		got := parse[wireBody](t, AppendBody(nil, &p, p.TS))
		checkBody(t, &got, &p, p.TS)
	}
}

func TestFloatsAreWrittenShortest(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", -1: "-1", 0.1: "0.1", 0.5: "0.5", 100: "100", 9999: "9999", 10000: "10000", 99999999: "99999999", 1e8: "100000000",
		47.1234567: "47.1234567", -179.9999999: "-179.9999999", 0.0000001: "1e-7", 0.0000009: "9e-7", 0.000001: "0.000001", 0.0000011: "0.0000011",
		0.12345678: "0.12345678", 0.30000000000000004: "0.30000000000000004", 1234.50: "1234.5", 99999999.9999999: "99999999.9999999", 1e20: "100000000000000000000",
		1e21: "1e+21", 1.5e300: "1.5e+300", 5e-324: "5e-324", 1e-10: "1e-10", math.MaxFloat64: "1.7976931348623157e+308", 123456789.125: "123456789.125",
	} {
		if got := string(appendFloat([]byte("x"), v)); got != "x"+want {
			t.Errorf("%v is written %s, want %s", v, got[1:], want)
		}
	}
	if got := string(appendFloat(nil, math.Copysign(0, -1))); got != "-0" {
		t.Errorf("negative zero is written %s", got)
	}
}

// TestFloatsMatchEncodingJSON writes numbers of every size with up to nine decimals,
// their neighbours, and random float64 values.
func TestFloatsMatchEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for range 30_000 {
		n := r.Int64N(1 << r.IntN(60))
		v := float64(n) / pow10[r.IntN(10)]
		checkFloats(t, v, -v, math.Nextafter(v, 1e300), math.Nextafter(v, 0), math.Float64frombits(r.Uint64()))
	}
	for whole := range 11_000 {
		checkFloats(t, float64(whole), float64(whole)+0.0000001, float64(whole)+0.9999999, float64(whole)+0.5)
	}
}

func TestIntsMatchStrconv(t *testing.T) {
	check := func(v int64) {
		if got, want := string(appendInt([]byte("x"), v)), "x"+strconv.FormatInt(v, 10); got != want {
			t.Fatalf("%d is written %s", v, got[1:])
		}
	}
	for p := int64(1); p < 1e18; p *= 10 {
		for d := int64(-2); d <= 2; d++ {
			check(p + d)
			check(-p - d)
			check(p*9 + d)
		}
	}
	for _, v := range []int64{0, math.MaxInt64, math.MinInt64, math.MaxInt32, plainTS} {
		check(v)
	}
	r := rand.New(rand.NewPCG(17, 18))
	for range 20_000 {
		check(r.Int64N(1 << (1 + r.IntN(62))))
	}
}
