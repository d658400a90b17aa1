package comparisons

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"time"

	goccy "github.com/goccy/go-json"

	"pitwall/codec"
)

const (
	records = 2048 // all different, because repeated ones would favour branch prediction
	arrival = 1_790_000_000_000
)

// payload is the payload of shape A as a struct. RawMessage passes attributes through,
// as the codec does.
type payload struct {
	DeviceID   string          `json:"device_id"`
	Timestamp  string          `json:"timestamp"`
	Latitude   float64         `json:"latitude"`
	Longitude  float64         `json:"longitude"`
	Altitude   float64         `json:"altitude"`
	Angle      float64         `json:"angle"`
	Speed      float64         `json:"speed"`
	Satellites int32           `json:"satellites"`
	Priority   int32           `json:"priority"`
	Attributes json.RawMessage `json:"attributes"`
}

// body is the body of a position.
type body struct {
	DeviceID   string          `json:"deviceId"`
	TS         int64           `json:"ts"`
	Lat        float64         `json:"lat"`
	Lon        float64         `json:"lon"`
	Alt        float64         `json:"alt"`
	Speed      float64         `json:"speed"`
	Course     float64         `json:"course"`
	Sats       int32           `json:"sats"`
	Attributes json.RawMessage `json:"attributes"`
}

// samples are random positions, as records of shape A and of shape B.
func samples() (a, b [][]string) {
	r := rand.New(rand.NewPCG(1, 2))
	for range records {
		device := strconv.Itoa(352_093_080_000_000 + r.IntN(10_000_000))
		at := time.UnixMilli(arrival - r.Int64N(3_600_000)).UTC()
		ts := at.Format("2006-01-02T15:04:05.000Z")
		lat := strconv.FormatFloat(float64(r.IntN(180_000_000)-90_000_000)/1e6, 'f', 7, 64)
		lon := strconv.FormatFloat(float64(r.IntN(360_000_000)-180_000_000)/1e6, 'f', 7, 64)
		alt, course, speed, sats := float64(r.IntN(30_000))/10, float64(r.IntN(3600))/10, float64(r.IntN(1500))/10, r.IntN(24)
		attributes := fmt.Sprintf(`{"battery":%d,"odometer":%d,"moving":%t}`, r.IntN(101), r.IntN(1_000_000), r.IntN(5) > 0)
		a = append(a, []string{"device_id", device, "ts", ts, "codec", "8E", "payload", fmt.Sprintf(
			`{"device_id":%q,"timestamp":%q,"latitude":%s,"longitude":%s,"altitude":%v,"angle":%v,"speed":%v,"satellites":%d,"priority":0,"attributes":%s}`,
			device, ts, lat, lon, alt, course, speed, sats, attributes)})
		b = append(b, []string{"device_id", device, "ts", strconv.FormatInt(at.UnixMilli(), 10), "lat", lat, "lon", lon,
			"alt", fmt.Sprint(alt), "course", fmt.Sprint(course), "speed", fmt.Sprint(speed), "sats", strconv.Itoa(sats), "attributes", attributes})
	}
	return a, b
}

// take decodes shape A, including the time, with the Unmarshal of a library.
func take(unmarshal func([]byte, any) error, text []byte, p *payload) (ts int64, err error) {
	*p = payload{}
	if err := unmarshal(text, p); err != nil {
		return 0, err
	}
	t, err := time.Parse(time.RFC3339, p.Timestamp)
	return t.UnixMilli(), err
}

func BenchmarkDecode(b *testing.B) {
	shapeA, shapeB := samples()
	for _, s := range []struct {
		name string
		list [][]string
	}{{"payload/codec", shapeA}, {"flat/codec", shapeB}} {
		b.Run(s.name, func(b *testing.B) {
			d := codec.NewDecoder(codec.DefaultLimits())
			var p codec.Position
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := d.Decode(&p, arrival, 0, s.list[i%records]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var texts [][]byte
	for _, r := range shapeA {
		texts = append(texts, []byte(r[7]))
	}
	for _, l := range libraries {
		b.Run("payload/"+l.name, func(b *testing.B) {
			var p payload
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := take(l.unmarshal, texts[i%records], &p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var libraries = []struct {
	name      string
	unmarshal func([]byte, any) error
	marshal   func(any) ([]byte, error)
}{
	{"encoding-json", json.Unmarshal, json.Marshal},
	{"goccy-go-json", func(data []byte, v any) error { return goccy.Unmarshal(data, v) },
		func(v any) ([]byte, error) { return goccy.Marshal(v) }},
}

func BenchmarkEncode(b *testing.B) {
	positions := decoded(b)
	b.Run("codec", func(b *testing.B) {
		buf := make([]byte, 0, 1024)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			p := &positions[i%records]
			buf = codec.AppendBody(buf[:0], p, p.TS)
		}
	})
	for _, l := range libraries {
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := l.marshal(bodyOf(&positions[i%records])); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func decoded(tb testing.TB) []codec.Position {
	shapeA, _ := samples()
	d := codec.NewDecoder(codec.DefaultLimits())
	positions := make([]codec.Position, len(shapeA))
	for i, r := range shapeA {
		if err := d.Decode(&positions[i], arrival, 0, r); err != nil {
			tb.Fatal(err)
		}
	}
	return positions
}

func bodyOf(p *codec.Position) *body {
	return &body{p.DeviceID, p.TS, p.Lat, p.Lon, p.Alt, p.Speed, p.Course, p.Sats, json.RawMessage(p.Attributes)}
}

// TestTheSameWork: all read the same values from a record, and write the same content.
func TestTheSameWork(t *testing.T) {
	shapeA, _ := samples()
	for i, p := range decoded(t) {
		text := codec.AppendBody(nil, &p, p.TS)
		for _, l := range libraries {
			var r payload
			ts, err := take(l.unmarshal, []byte(shapeA[i][7]), &r)
			if err != nil || ts != p.TS || r.Latitude != p.Lat || r.Longitude != p.Lon || string(r.Attributes) != string(p.Attributes) {
				t.Fatalf("%s: got %+v at %d (%v), want %+v", l.name, r, ts, err, p)
			}
			var got body
			if err := l.unmarshal(text, &got); err != nil || !reflect.DeepEqual(&got, bodyOf(&p)) {
				t.Fatalf("%s: body %s reads as %+v (%v), want %+v", l.name, text, got, err, bodyOf(&p))
			}
		}
	}
}
