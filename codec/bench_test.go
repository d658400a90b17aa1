package codec

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// benchRecords is how many different records the benchmarks use. If a parser gets the
// same record again and again, the processor predicts its branches better than it
// could those of a stream.
const benchRecords = 2048

const benchArrival = 1_790_000_000_000

// fix is a random position of a device.
type fix struct {
	device                       string
	ts                           int64
	lat, lon, alt, speed, course float64
	sats, battery, odometer      int
	moving                       bool
}

func randomFixes() []fix {
	r := rand.New(rand.NewPCG(1, 2))
	fixes := make([]fix, benchRecords)
	for i := range fixes {
		moving := r.IntN(5) > 0
		fixes[i] = fix{
			device:   strconv.FormatInt(352_093_080_000_000+int64(r.IntN(10_000_000)), 10),
			ts:       benchArrival - r.Int64N(3_600_000),
			lat:      float64(r.Int64N(1_800_000_000)-900_000_000) / 1e7,
			lon:      float64(r.Int64N(3_600_000_000)-1_800_000_000) / 1e7,
			alt:      float64(r.IntN(30_000)) / 10,
			speed:    float64(r.IntN(1500)) / 10,
			course:   float64(r.IntN(3600)) / 10,
			sats:     r.IntN(24),
			battery:  r.IntN(101),
			odometer: r.IntN(1_000_000),
			moving:   moving,
		}
	}
	return fixes
}

func (f *fix) attributes() string {
	return fmt.Sprintf(`{"battery":%d,"odometer":%d,"moving":%t}`, f.battery, f.odometer, f.moving)
}

func number7(v float64) string { return strconv.FormatFloat(v, 'f', 7, 64) }

// payloadRecord returns the record of an ingestion service, with a payload of about
// 240 bytes.
func (f *fix) payloadRecord() []string {
	ts := time.UnixMilli(f.ts).UTC().Format("2006-01-02T15:04:05.000Z")
	return []string{"device_id", f.device, "ts", ts, "codec", "8E", "payload", fmt.Sprintf(
		`{"device_id":%q,"timestamp":%q,"latitude":%s,"longitude":%s,"altitude":%v,"angle":%v,"speed":%v,"satellites":%d,"priority":0,"attributes":%s}`,
		f.device, ts, number7(f.lat), number7(f.lon), f.alt, f.course, f.speed, f.sats, f.attributes())}
}

// flatRecord returns the fix as a flat record.
func (f *fix) flatRecord() []string {
	return []string{
		"device_id", f.device, "ts", strconv.FormatInt(f.ts, 10), "lat", number7(f.lat), "lon", number7(f.lon),
		"alt", fmt.Sprint(f.alt), "course", fmt.Sprint(f.course), "speed", fmt.Sprint(f.speed),
		"sats", strconv.Itoa(f.sats), "attributes", f.attributes(),
	}
}

// position returns the fix as it is decoded.
func (f *fix) position() Position {
	return Position{
		DeviceID: f.device, TS: f.ts, Arrival: benchArrival, Lat: f.lat, Lon: f.lon,
		Alt: f.alt, Speed: f.speed, Course: f.course, Sats: int32(f.sats),
		Has: HasAlt | HasSpeed | HasCourse | HasSats, Attributes: Attributes(f.attributes()),
	}
}

func benchmarkDecode(b *testing.B, record func(*fix) []string) {
	var records [][]string
	size := 0
	for _, f := range randomFixes() {
		r := record(&f)
		records = append(records, r)
		for i := 1; i < len(r); i += 2 {
			size += len(r[i])
		}
	}
	d := NewDecoder(DefaultLimits())
	var p Position
	b.ReportAllocs()
	b.SetBytes(int64(size / len(records)))
	i := 0
	for b.Loop() {
		if err := d.Decode(&p, benchArrival, 0, records[i%benchRecords]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkDecodePayload(b *testing.B) { benchmarkDecode(b, (*fix).payloadRecord) }
func BenchmarkDecodeFlat(b *testing.B)    { benchmarkDecode(b, (*fix).flatRecord) }

func benchPositions() []Position {
	fixes := randomFixes()
	positions := make([]Position, len(fixes))
	for i := range fixes {
		positions[i] = fixes[i].position()
	}
	return positions
}

func BenchmarkAppendBody(b *testing.B) {
	positions := benchPositions()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p := &positions[i%benchRecords]
		buf = AppendBody(buf[:0], p, p.TS)
		i++
	}
	b.SetBytes(int64(len(buf)))
}

func benchBodies() [][]byte {
	var bodies [][]byte
	for _, p := range benchPositions() {
		bodies = append(bodies, AppendBody(nil, &p, p.TS))
	}
	return bodies
}

func BenchmarkPositionFrame(b *testing.B) {
	bodies, topic := benchBodies(), NewTopic("event:4711")
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		buf = topic.AppendPositionFrame(buf[:0], bodies[i%benchRecords])
		i++
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkPositionsFrame builds frames of 40 positions: those of an event with 200
// devices, one record a second from each, and 5 flushes a second.
func BenchmarkPositionsFrame(b *testing.B) {
	const items = 40
	bodies, topic := benchBodies(), NewTopic("event:4711")
	buf := make([]byte, 0, 16384)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		var mark int
		buf, mark = topic.BeginPositions(buf[:0])
		for range items {
			buf = topic.AppendItem(buf, bodies[i%benchRecords])
			i++
		}
		buf = topic.EndPositions(buf, mark)
	}
	b.SetBytes(int64(len(buf)))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/position")
}

func BenchmarkSnapshotHead(b *testing.B) {
	topic := NewTopic("event:4711")
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = topic.AppendSnapshotHead(buf[:0], 20_000, 1, 2, SnapshotLagged, 123)
	}
}

func BenchmarkParseRequest(b *testing.B) {
	data := []byte(`{"type":"subscribe","id":"1","topic":"event:4711","interval":5000}`)
	var r Request
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseRequest(&r, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeRefused(b *testing.B) {
	d := NewDecoder(DefaultLimits())
	fields := payloadRecord(minimal(`"timestamp":1e999`))
	var p Position
	b.ReportAllocs()
	for b.Loop() {
		if d.Decode(&p, testArrival, 0, fields) == nil {
			b.Fatal("the record was accepted")
		}
	}
}

// BenchmarkAppendFloat and BenchmarkAppendAnyFloat compare the fast path with the
// general one.
func BenchmarkAppendFloat(b *testing.B)    { benchmarkFloat(b, appendFloat) }
func BenchmarkAppendAnyFloat(b *testing.B) { benchmarkFloat(b, appendAnyFloat) }

func benchmarkFloat(b *testing.B, f func([]byte, float64) []byte) {
	fixes := randomFixes()
	buf := make([]byte, 0, 64)
	i := 0
	for b.Loop() {
		buf = f(buf[:0], fixes[i%benchRecords].lon)
		i++
	}
}

// BenchmarkParseNumber and BenchmarkParseLongNumber compare the fast path with the
// general one, and both with strconv.
func BenchmarkParseNumber(b *testing.B)     { benchmarkNumber(b, parseNumber) }
func BenchmarkParseLongNumber(b *testing.B) { benchmarkNumber(b, parseLongNumber) }
func BenchmarkParseFloat(b *testing.B) {
	benchmarkNumber(b, func(s string, _ int) (float64, int, Reason) {
		v, _ := strconv.ParseFloat(s, 64)
		return v, len(s), 0
	})
}

func benchmarkNumber(b *testing.B, f func(string, int) (float64, int, Reason)) {
	var texts []string
	for _, x := range randomFixes() {
		texts = append(texts, number7(x.lon))
	}
	i := 0
	for b.Loop() {
		if _, _, reason := f(texts[i%benchRecords], 0); reason != 0 {
			b.Fatal(reason)
		}
		i++
	}
}

// BenchmarkMarshal does the work of AppendBody with encoding/json, for comparison.
func BenchmarkMarshal(b *testing.B) {
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
	positions := benchPositions()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p := &positions[i%benchRecords]
		_, err := json.Marshal(&body{p.DeviceID, p.TS, p.Lat, p.Lon, p.Alt, p.Speed, p.Course, p.Sats, json.RawMessage(p.Attributes)})
		if err != nil {
			b.Fatal(err)
		}
		i++
	}
}
