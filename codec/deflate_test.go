package codec

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"
)

// deflate compresses as BeginDeflated requires.
func deflate(t testing.TB, dst, src []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(src); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return append(dst, out.Bytes()[:out.Len()-4]...)
}

// inflate reads one compressed frame (RFC 7692, section 7.2.2).
func inflate(t testing.TB, frame []byte) []byte {
	t.Helper()
	if frame[0] != 0xc1 {
		t.Fatalf("first byte %#x, want FIN, RSV1 and text", frame[0])
	}
	frame = bytes.Clone(frame)
	frame[0] &^= rsv1
	payload := append(onlyFrame(t, frame), "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(payload)))
	if err != nil {
		t.Fatalf("%v in % x", err, payload)
	}
	return text
}

func TestDeflatedFramesReadBack(t *testing.T) {
	for _, n := range []int{0, 1, 100, 5000, 1 << 20} {
		text := []byte(strings.Repeat("position ", n/9+1)[:n])
		dst, mark := BeginDeflated([]byte("before"))
		dst = EndDeflated(deflate(t, dst, text), mark)
		if got := inflate(t, dst[mark:]); !bytes.Equal(got, text) {
			t.Errorf("%d bytes are read back as %d, %.40q", n, len(got), got)
		}
		if string(dst[:mark]) != "before" {
			t.Errorf("%d bytes: the bytes before the frame are now %q", n, dst[:mark])
		}
	}
}

// One compressed body follows heads of every length. The frame has the same text as
// the uncompressed one.
func TestDeflatedSnapshotsShareTheirBody(t *testing.T) {
	for _, name := range []string{"e", "event:4711", strings.Repeat("x", 200), strings.Repeat("\x01", MaxDeflatedName)} {
		topic := NewTopic(name)
		body := topic.BeginSnapshotBody(nil)
		for i := range 300 {
			p := plainPosition()
			p.DeviceID = fmt.Sprintf("dev-%d", i)
			body = topic.AppendItem(body, AppendBody(nil, &p, p.TS))
		}
		body = topic.EndSnapshotBody(body)
		shared := deflate(t, nil, body)
		for _, reason := range []string{SnapshotSubscribe, SnapshotLagged, SnapshotCorrected} {
			head := topic.AppendDeflatedSnapshotHead(nil, len(shared), 2, 3, reason, 17)
			got := inflate(t, append(head, shared...))
			want := onlyFrame(t, append(topic.AppendSnapshotHead(nil, len(body), 2, 3, reason, 17), body...))
			if !bytes.Equal(got, want) {
				t.Errorf("%s of a name of %d bytes: got %.200q, want %.200q", reason, len(name), got, want)
			}
		}
	}
}
