package codec

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestFrameHeadersAreMinimal(t *testing.T) {
	tests := []struct {
		n    int
		want []byte
	}{
		{0, []byte{0x81, 0}},
		{1, []byte{0x81, 1}},
		{125, []byte{0x81, 125}},
		{126, []byte{0x81, 126, 0, 126}},
		{256, []byte{0x81, 126, 1, 0}},
		{65535, []byte{0x81, 126, 0xff, 0xff}},
		{65536, []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
	}
	if long := int64(1<<40 + 2); strconv.IntSize == 64 {
		tests = append(tests, struct {
			n    int
			want []byte
		}{int(long), []byte{0x81, 127, 0, 0, 1, 0, 0, 0, 0, 2}})
	}
	for _, tt := range tests {
		if got := AppendTextFrameHeader([]byte("x"), tt.n); !bytes.Equal(got[1:], tt.want) || got[0] != 'x' {
			t.Errorf("%d bytes: %x, want %x", tt.n, got[1:], tt.want)
		}
	}
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		payload := bytes.Repeat([]byte{'a'}, n)
		if got := onlyFrame(t, AppendTextFrame(nil, payload)); !bytes.Equal(got, payload) {
			t.Errorf("%d bytes are read back as %d", n, len(got))
		}
	}
}

// TestOpenFramesOfEveryLengthReadBack closes frames of about the lengths at which the
// header changes, with other bytes before them, and with a part of the payload
// elsewhere.
func TestOpenFramesOfEveryLengthReadBack(t *testing.T) {
	var lengths []int
	for _, edge := range []int{1, 126, 65536} {
		for n := max(0, edge-3); n <= edge+3; n++ {
			lengths = append(lengths, n)
		}
	}
	for _, n := range append(lengths, 300, 200_000) {
		payload := make([]byte, n)
		for i := range payload {
			payload[i] = byte('a' + i%26)
		}
		for _, room := range []int{0, n + 64} {
			dst := append(make([]byte, 0, room), "before"...)
			dst, mark := beginFrame(dst)
			dst = endFrame(append(dst, payload...), mark, 0)
			if !bytes.HasPrefix(dst, []byte("before")) || !bytes.Equal(onlyFrame(t, dst[6:]), payload) {
				t.Fatalf("a frame of %d bytes is not read back", n)
			}
			own := n / 3
			dst, mark = beginFrame([]byte("before"))
			dst = endFrame(append(dst, payload[:own]...), mark, n-own)
			if !bytes.Equal(onlyFrame(t, append(dst[6:], payload[own:]...)), payload) {
				t.Fatalf("a frame of %d bytes, %d elsewhere, is not read back", n, n-own)
			}
		}
	}
}

func TestPositionFramesReadBack(t *testing.T) {
	topic := NewTopic("t")
	for n := range 300 {
		p := Position{DeviceID: "d", Attributes: Attributes(`{"a":"` + strings.Repeat("x", n) + `"}`)}
		f := parse[wireFrame](t, onlyFrame(t, topic.AppendPositionFrame(nil, AppendBody(nil, &p, 1))))
		checkBody(t, &f.wireBody, &p, 1)
		if f.Type != "position" || f.Topic != "t" {
			t.Fatalf("type %q, topic %q", f.Type, f.Topic)
		}
	}
}

func TestPositionsFramesReadBack(t *testing.T) {
	topic := NewTopic(`event:"42"` + "\n")
	if topic.Name() != `event:"42"`+"\n" {
		t.Errorf("name %q", topic.Name())
	}
	positions := benchPositions()
	for _, count := range []int{0, 1, 2, 3, 300, 1000} {
		dst := []byte("before")
		dst, mark := topic.BeginPositions(dst)
		for i := range count {
			dst = topic.AppendItem(dst, AppendBody(nil, &positions[i], positions[i].TS))
		}
		dst = topic.EndPositions(dst, mark)
		dst = topic.AppendPositionFrame(dst, AppendBody(nil, &positions[0], 1)) // the next frame of a chunk
		payload, rest := unframe(t, dst[6:])
		f := parse[wireFrame](t, payload)
		if f.Type != "positions" || f.Topic != topic.Name() || len(f.Positions) != count {
			t.Fatalf("%d positions of %q in a frame %q", len(f.Positions), f.Topic, f.Type)
		}
		for i := range f.Positions {
			checkBody(t, &f.Positions[i], &positions[i], positions[i].TS)
		}
		parse[wireFrame](t, onlyFrame(t, rest))
	}
}

func TestSnapshotsShareTheirBody(t *testing.T) {
	topic := NewTopic("event:42")
	positions := benchPositions()
	for _, count := range []int{0, 1, 5, 400} {
		body := topic.BeginSnapshotBody(nil)
		for i := range count {
			body = topic.AppendItem(body, AppendBody(nil, &positions[i], positions[i].TS))
		}
		body = topic.EndSnapshotBody(body)
		for _, reason := range []string{SnapshotSubscribe, SnapshotLagged, SnapshotCorrected} {
			head := topic.AppendSnapshotHead([]byte("before"), len(body), 2, 3, reason, 77)
			f := parse[wireFrame](t, onlyFrame(t, append(bytes.Clone(head[6:]), body...)))
			if f.Type != "snapshot" || f.Topic != "event:42" || f.Part != 2 || f.Parts != 3 || f.Reason != reason || len(f.Positions) != count {
				t.Errorf("read back as %+v", f)
			}
			if (f.Conflated != nil) != (reason == SnapshotLagged) || f.Conflated != nil && *f.Conflated != 77 {
				t.Errorf("%s: conflated %v", reason, f.Conflated)
			}
			for i := range f.Positions {
				checkBody(t, &f.Positions[i], &positions[i], positions[i].TS)
			}
		}
	}
}

func TestRosterFramesReadBack(t *testing.T) {
	topic := NewTopic("event:42")
	many := make([]string, 10_000)
	for i := range many {
		many[i] = strings.Repeat("d", i%64+1)
	}
	for _, lists := range [][2][]string{{nil, nil}, {{"a"}, nil}, {nil, {`"`, "b"}}, {{"a", "b"}, {"c"}}, {many, many[:7]}} {
		f := parse[wireFrame](t, onlyFrame(t, topic.AppendRosterFrame(nil, lists[0], lists[1])))
		if f.Type != "roster" || f.Topic != "event:42" || !slices.Equal(f.Added, lists[0]) || !slices.Equal(f.Removed, lists[1]) {
			t.Errorf("read back as %+v", f)
		}
		if f.Added == nil || f.Removed == nil {
			t.Error("an empty list must be written as []")
		}
	}
}

// The bytes of a frame are the same whether its header becomes long while the frame
// grows or at the end.
func TestWidenedFramesAreTheSame(t *testing.T) {
	topic := NewTopic("event:4711")
	for _, n := range []int{0, 1, 126, 0xfff0, 0xffff, 0x10000, 0x10001, 3 << 16} {
		for _, piece := range []int{100, 5000, 70_000} {
			body := []byte(`{` + strings.Repeat("x", piece) + `}`)
			wide, mark := topic.BeginPositions([]byte("before"))
			same, _ := topic.BeginPositions([]byte("before"))
			packed, at := BeginDeflated([]byte("before"))
			payload := topic.BeginPositionsBody(nil)
			for len(payload) < n {
				wide = topic.WidenPositions(topic.AppendItem(wide, body), mark)
				same = topic.AppendItem(same, body)
				payload = topic.AppendItem(payload, body)
				packed = WidenDeflated(append(packed, payload[len(payload)-piece:]...), at)
			}
			payload = topic.EndSnapshotBody(payload)
			wide, same = topic.EndPositions(wide, mark), topic.EndPositions(same, mark)
			if !bytes.Equal(wide, same) {
				t.Fatalf("%d bytes in pieces of %d: the frame that was widened while it grew is different", n, piece)
			}
			if apart := append(AppendTextFrameHeader([]byte("before"), len(payload)), payload...); !bytes.Equal(wide, apart) {
				t.Fatalf("%d bytes in pieces of %d: the frame whose header was written first is different", n, piece)
			}
			packed = EndDeflated(packed, at)
			text := packed[len("before"):]
			header := AppendDeflatedFrameHeader(nil, len(text)-FrameHeaderLen(text))
			if !bytes.HasPrefix(text, header) || len(header) != FrameHeaderLen(text) {
				t.Fatalf("%d bytes in pieces of %d: header % x, want % x", n, piece, text[:FrameHeaderLen(text)], header)
			}
		}
	}
}
