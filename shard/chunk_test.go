package shard

import (
	"testing"

	"pitwall/codec"
)

// TestRecordsToCountsPositionsBeforeAFrame compares recordsTo at the end of each frame, in
// both encodings, with roster frames in between.
func TestRecordsToCountsPositionsBeforeAFrame(t *testing.T) {
	frames := codec.NewTopic("event:e")
	body := codec.AppendBody(nil, &codec.Position{DeviceID: "a", TS: 1}, 1)
	roster := frames.AppendRosterFrame(nil, []string{"a"}, nil)
	for _, c := range []struct {
		name   string
		form   encoding
		script string // p: a position, r: a roster frame
		want   []uint64
	}{
		{"positions alone", encodingPlain, "ppp", []uint64{0, 1, 2, 3}},
		{"a roster frame between", encodingPlain, "pprp", []uint64{0, 1, 2, 2, 3}},
		{"roster frames around", encodingPlain, "rprrpr", []uint64{0, 0, 1, 1, 1, 2, 2}},
		{"one batch", encodingBatch, "ppp", []uint64{0, 3}},
		{"a roster frame between batches", encodingBatch, "pprppp", []uint64{0, 2, 2, 5}},
		{"roster frames around batches", encodingBatch, "rpprrpr", []uint64{0, 0, 2, 2, 2, 3, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pending{chunk: &Chunk{}}
			for _, x := range c.script {
				if x == 'p' {
					p.add(frames, c.form, body)
				} else {
					p.frame(frames, roster)
				}
			}
			ch := p.take(frames)
			var got []uint64
			for end := 0; ; end += codec.FrameLen(ch.body[end:]) {
				got = append(got, ch.recordsTo(end))
				if end == ch.Len() {
					break
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %d, want %d", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Fatalf("got %d, want %d", got, c.want)
				}
			}
		})
	}
}
