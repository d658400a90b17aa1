package codec

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// TestAnswersReadBack compares the members of each answer with the arguments, also
// with hostile texts from a client.
func TestAnswersReadBack(t *testing.T) {
	for _, text := range []string{"1", "", `"},{"`, "\\", "\x00\n", "ü😀", strings.Repeat("x", 64), strings.Repeat("y", 70_000)} {
		tests := []struct {
			name  string
			frame []byte
			want  map[string]any
		}{
			{"welcome", AppendWelcome(nil, text, 25000, 1777629600000), map[string]any{"type": "welcome", "protocol": 1.0, "instance": text, "heartbeatMs": 25000.0, "now": 1777629600000.0}},
			{"subscribed", AppendSubscribed(nil, text, text, 5, 2, 100, ""), map[string]any{"type": "subscribed", "id": text, "topic": text, "devices": 5.0, "parts": 2.0, "intervalMs": 100.0}},
			{"unsubscribed", AppendUnsubscribed(nil, text, text), map[string]any{"type": "unsubscribed", "id": text, "topic": text}},
			{"authenticated", AppendAuthenticated(nil, text, 1777629600000), map[string]any{"type": "authenticated", "id": text, "expiresAt": 1777629600000.0}},
			{"topic error", AppendTopicError(nil, text, text, text), map[string]any{"type": "error", "topic": text, "code": text, "message": text}},
			{"pong", AppendPong(nil, text, 1777629600000, ""), map[string]any{"type": "pong", "id": text, "now": 1777629600000.0}},
			{"drain", AppendDrain(nil, 1500), map[string]any{"type": "drain", "retryAfterMs": 1500.0}},
			{"error", AppendError(nil, text, "internal", text), map[string]any{"type": "error", "id": text, "code": "internal", "message": text}},
		}
		for _, tt := range tests {
			if text == "" {
				delete(tt.want, "id")
			}
			var got map[string]any
			if err := json.Unmarshal(onlyFrame(t, tt.frame), &got); err != nil {
				t.Fatalf("%s with %.20q: %v", tt.name, text, err)
			}
			if len(got) != len(tt.want) {
				t.Errorf("%s with %.20q: %d members, want %d", tt.name, text, len(got), len(tt.want))
			}
			for key, value := range tt.want {
				if got[key] != value {
					t.Errorf("%s with %.20q: %s is %v, want %v", tt.name, text, key, got[key], value)
				}
			}
		}
	}
}

func TestAnswersAreAppended(t *testing.T) {
	dst := AppendPong([]byte("before"), "1", 1777629600000, "")
	one := len(dst)
	dst = AppendError(dst, "2", "internal", "x")
	if string(dst[:6]) != "before" {
		t.Errorf("the bytes before the frames are now %q", dst[:6])
	}
	onlyFrame(t, dst[6:one])
	onlyFrame(t, dst[one:])
}

func TestExtremeNumbersReadBack(t *testing.T) {
	for _, n := range []int{0, -1, math.MaxInt, math.MinInt} {
		var got struct{ Devices, Parts, IntervalMs int }
		if err := json.Unmarshal(onlyFrame(t, AppendSubscribed(nil, "", "t", n, n, n, "")), &got); err != nil || got.Devices != n || got.Parts != n || got.IntervalMs != n {
			t.Errorf("%d is read back as %+v (%v)", n, got, err)
		}
	}
}
