package codec

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGoldenFrames compares one frame of each type with its file, which has the header
// in hexadecimal on the first line and the payload on the second.
func TestGoldenFrames(t *testing.T) {
	topic := NewTopic("event:42")
	p := plainPosition()
	least := Position{DeviceID: "d2", Lat: -0.0000001, Lon: 180}
	first, second := AppendBody(nil, &p, p.TS), AppendBody(nil, &least, 1748779205000)
	batch, mark := topic.BeginPositions(nil)
	batch = topic.EndPositions(topic.AppendItem(topic.AppendItem(batch, first), second), mark)
	shared := topic.EndSnapshotBody(topic.AppendItem(topic.AppendItem(topic.BeginSnapshotBody(nil), first), second))
	snapshot := func(part int, reason string) []byte {
		return append(topic.AppendSnapshotHead(nil, len(shared), part, 2, reason, 12), shared...)
	}
	frames := map[string][]byte{
		"position":           topic.AppendPositionFrame(nil, first),
		"position-least":     topic.AppendPositionFrame(nil, second),
		"positions":          batch,
		"snapshot-subscribe": snapshot(1, SnapshotSubscribe),
		"snapshot-lagged":    snapshot(2, SnapshotLagged),
		"snapshot-corrected": snapshot(1, SnapshotCorrected),
		"roster":             topic.AppendRosterFrame(nil, []string{"d1", "d2"}, []string{"d3"}),
		"roster-left":        topic.AppendRosterFrame(nil, nil, []string{"d3"}),
		"welcome":            AppendWelcome(nil, "host-1", 25000, 1777629600000),
		"subscribed":         AppendSubscribed(nil, "1", "event:42", 250, 2, 100, ""),
		"subscribed-no-id":   AppendSubscribed(nil, "", "event:42", 0, 0, 5000, ""),
		"subscribed-cursor":  AppendSubscribed(nil, "1", "event:42", 250, 2, 100, "AbC-_"),
		"pong-cursor":        AppendPong(nil, "3", 1777629600000, "AbC-_"),
		"snapshot-resume":    snapshot(2, SnapshotResume),
		"unsubscribed":       AppendUnsubscribed(nil, "2", "event:42"),
		"authenticated":      AppendAuthenticated(nil, "2", 1777629600000),
		"authenticated-open": AppendAuthenticated(nil, "", 0),
		"error-topic":        AppendTopicError(nil, "event:42", "forbidden", "you may not watch this event any more"),
		"pong":               AppendPong(nil, "3", 1777629600000, ""),
		"pong-no-id":         AppendPong(nil, "", 1777629600000, ""),
		"drain":              AppendDrain(nil, 1500),
		"error":              AppendError(nil, "4", "forbidden", "you may not watch this event"),
		"error-no-id":        AppendError(nil, "", "bad_request", "the message must be one JSON object"),
		"error-escapes":      AppendError(nil, "\"\n", "internal", "a\\b"),
	}
	for name, frame := range frames {
		t.Run(name, func(t *testing.T) {
			payload := onlyFrame(t, frame)
			got := hex.EncodeToString(frame[:len(frame)-len(payload)]) + "\n" + string(payload) + "\n"
			file := filepath.Join("testdata", "frames", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (go test -update writes it)", err)
			}
			if !bytes.Equal(want, []byte(got)) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "frames", "*.golden"))
	if err != nil || len(files) != len(frames) {
		t.Errorf("%d files for %d frames (%v)", len(files), len(frames), err)
	}
}
