package codec

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
)

func FuzzEncode(f *testing.F) {
	all := uint16(HasAlt | HasSpeed | HasCourse | HasSats | HasPriority)
	f.Add("d1", int64(plainTS), 47.1234567, -11.5, 612.3, 12.5, 359.9, int32(11), all, `{"battery":87}`, "event:1", uint64(3))
	f.Add("", int64(0), 0.0, math.Copysign(0, -1), 1e8, 99999999.9999999, 1e-7, int32(0), all, "", "", uint64(0))
	f.Add(`a"b\c`, int64(-1), 90.0, -180.0, 0.1+0.2, 5e-324, math.MaxFloat64, int32(math.MaxInt32), all, `{ "a" : "ü" }`, "event:\n\u2028\"", uint64(math.MaxUint64))
	f.Add("\xff\x00\x1f", int64(math.MaxInt64), math.Inf(1), math.NaN(), 1e21, 123456789.123, 1e-6, int32(1), uint16(0), `{}`, "\xc3", uint64(1))
	f.Add("x", int64(math.MinInt64), 1e15, 9.999999e-7, 99999999.99999999, 0.0000005, 1e22, int32(9), uint16(HasSats), `{"a":{"__bigint":"1"}}`, "event:x", uint64(1))
	f.Fuzz(func(t *testing.T, device string, ts int64, lat, lon, alt, speed, course float64, sats int32, has uint16, attributesText, name string, conflated uint64) {
		if end, reason := attributes(attributesText, 0, 1); reason != 0 || end != len(attributesText) {
			attributesText = "" // AppendBody does not check attributes
		}
		p := Position{
			DeviceID: device, TS: ts, Lat: lat, Lon: lon, Alt: alt, Speed: speed, Course: course, Sats: sats,
			Has: Fields(has), Attributes: Attributes(attributesText),
		}
		body := AppendBody([]byte("before"), &p, ts)[len("before"):]
		got := parse[wireBody](t, body)
		checkBody(t, &got, &p, ts)
		checkFloats(t, lat, lon, alt, speed, course)

		topic := NewTopic(name)
		single := parse[wireFrame](t, onlyFrame(t, topic.AppendPositionFrame(nil, body)))
		checkBody(t, &single.wireBody, &p, ts)
		batch, mark := topic.BeginPositions([]byte("before"))
		for range sats & 3 {
			batch = topic.AppendItem(batch, body)
		}
		batch = topic.EndPositions(batch, mark)
		several := parse[wireFrame](t, onlyFrame(t, batch[len("before"):]))
		if len(several.Positions) != int(sats&3) || several.Type != "positions" || several.Topic != single.Topic {
			t.Errorf("%d positions in a frame %q of topic %q", len(several.Positions), several.Type, several.Topic)
		}
		shared := topic.EndSnapshotBody(topic.AppendItem(topic.BeginSnapshotBody(nil), body))
		head := topic.AppendSnapshotHead(nil, len(shared), 1, 2, SnapshotLagged, conflated)
		snapshot := parse[wireFrame](t, onlyFrame(t, append(head, shared...)))
		checkBody(t, &snapshot.Positions[0], &p, ts)
		if want := min(conflated, math.MaxInt64); *snapshot.Conflated != want {
			t.Errorf("conflated %d, want %d", *snapshot.Conflated, want)
		}
		roster := parse[wireFrame](t, onlyFrame(t, topic.AppendRosterFrame(nil, []string{device, name}, nil)))
		if len(roster.Added) != 2 || roster.Removed == nil || len(roster.Removed) != 0 {
			t.Errorf("roster %q, %q", roster.Added, roster.Removed)
		}
	})
}

// checkFloats compares the text of each float with that of encoding/json.
func checkFloats(t *testing.T, floats ...float64) {
	t.Helper()
	for _, v := range floats {
		want := []byte("null")
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			want, _ = json.Marshal(v)
		}
		if got := appendFloat(nil, v); !bytes.Equal(got, want) {
			t.Errorf("%v (%#x) is written %s, want %s", v, math.Float64bits(v), got, want)
		}
	}
}
