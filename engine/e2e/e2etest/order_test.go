package e2etest

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestOrder gives frames to a checker, the last of which breaks the rule named
// by want ("" for none).
func TestOrder(t *testing.T) {
	const subscribed = `{"type":"subscribed","topic":"t","parts":1}`
	at := func(rest string) string { return `{"type":"position","topic":"t","deviceId":"d",` + rest + `}` }
	snapshot := func(reason, rest string) string {
		return `{"type":"snapshot","topic":"t","reason":"` + reason + `","positions":[{"deviceId":"d",` + rest + `}]}`
	}
	const first, same, older = `"ts":5,"lat":1,"lon":2,"attributes":{"a":1}`, `"ts":5,"lat":1,"lon":2,"attributes":{"a":2}`, `"ts":4,"lat":1,"lon":2`
	for _, tt := range []struct {
		name   string
		frames []string
		want   string
	}{
		{"newer", []string{subscribed, at(first), at(`"ts":6,"lat":1,"lon":2`)}, ""},
		{"older", []string{subscribed, at(first), at(older)}, "goes back from 5 to 4"},
		{"older in a snapshot", []string{subscribed, at(first), snapshot("lagged", older)}, "goes back"},
		{"corrected", []string{subscribed, at(first), snapshot("corrected", older)}, ""},
		{"again", []string{subscribed, at(first), at(first)}, "again"},
		{"again with the same attributes", []string{subscribed, at(first), at(same)}, "again"},
		{"with another attribute", []string{subscribed, at(first), at(`"ts":5,"lat":1,"lon":2,"attributes":{"b":1}`)}, ""},
		{"with another attribute twice", []string{subscribed, at(first), at(`"ts":5,"lat":1,"lon":2,"attributes":{"b":1}`), at(same)}, "again"},
		{"with another attribute elsewhere", []string{subscribed, at(first), at(`"ts":5,"lat":1,"lon":3,"attributes":{"b":1}`)}, "again"},
		{"again in a snapshot", []string{subscribed, at(first), snapshot("lagged", first)}, ""},
		{"not subscribed", []string{at(first)}, "not subscribed"},
		{"unsubscribed", []string{subscribed, `{"type":"unsubscribed","topic":"t"}`, at(first)}, "not subscribed"},
		{"after a return to the roster", []string{subscribed, at(first), `{"type":"roster","topic":"t","removed":["d"],"added":["d"]}`, at(older)}, ""},
		{"no time", []string{subscribed, at(`"lat":1,"lon":2`)}, "without device or time"},
		{"an unknown type", []string{subscribed, `{"type":"dance","topic":"t"}`}, "does not have"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := NewOrder()
			for i, text := range tt.frames {
				f := Frame{Text: text}
				if err := json.Unmarshal([]byte(text), &f.FrameFields); err != nil {
					t.Fatal(err)
				}
				err := o.Check(&f)
				if last := i == len(tt.frames)-1; !last || tt.want == "" {
					if err != nil {
						t.Fatalf("frame %d: %v", i, err)
					}
				} else if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			}
		})
	}
}
