package engine

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"pitwall/engine/config"
)

// Every line has the instance once, outside of groups; durations in JSON have a unit.
func TestEveryLineHasTheInstance(t *testing.T) {
	var out bytes.Buffer
	log := withInstance(config.Log{LogFormat: "json", LogLevel: "info"}.NewLogger(&out), "one")
	log.Info("a")
	log.With("part", "feed").Info("b", "took", 1500*time.Millisecond)
	log.WithGroup("g").Info("c", "x", 1)
	log.With(slog.Group("h", "took", time.Second)).WithGroup("").Info("d")
	lines := 0
	for d := json.NewDecoder(&out); d.More(); lines++ {
		var line map[string]any
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line["instance"] != "one" {
			t.Errorf("%v has no instance", line)
		}
		if line["msg"] == "b" && line["took"] != "1.5s" {
			t.Errorf("took is %v, want 1.5s", line["took"])
		}
		if h, has := line["h"].(map[string]any); has && h["took"] != "1s" {
			t.Errorf("took in a group is %v, want 1s", h["took"])
		}
	}
	if lines != 4 {
		t.Errorf("%d lines, want 4", lines)
	}
}
