package admin_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"pitwall/engine/admin"
	"pitwall/engine/config"
	"pitwall/engine/internal/testenv"
)

// hostile holds an escape sequence, C1 characters in both forms, a bidirectional mark
// and a line break.
const hostile = "a\x1b[2J\x07\u009b31m\x9b31m\u202eb\nc"

// unprintable returns the first character that a terminal may interpret, other than
// line breaks.
func unprintable(text string) (rune, bool) {
	for _, r := range text {
		if r != '\n' && (!unicode.IsPrint(r) || r == unicode.ReplacementChar) {
			return r, true
		}
	}
	return 0, false
}

// Anyone who may write to the stream of dead letters can put anything into a letter.
func TestDeadLettersAreSafeToPrint(t *testing.T) {
	r := testenv.Redis(t)
	letter := []string{"XADD", "telemetry:t:dead", "*", "reason", hostile, "error", hostile, "source_stream", hostile, "source_id", "1-1",
		"field:" + hostile, hostile, "field:device_id", hostile}
	r.Do(letter...)
	c := config.Streams{RedisURL: config.SecretURL(r.URL()), TelemetryStreams: []string{"telemetry:t"}}
	log := slog.New(slog.DiscardHandler)
	var list, show bytes.Buffer
	if err := admin.DeadList(t.Context(), c, admin.DeadSelection{}, log, &list); err != nil {
		t.Fatal(err)
	}
	if err := admin.DeadShow(t.Context(), c, admin.DeadSelection{}, log, &show); err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]*bytes.Buffer{"list": &list, "show": &show} {
		if r, found := unprintable(out.String()); found {
			t.Errorf("dead %s prints %U:\n%q", name, r, out)
		}
	}
	if got := strings.Count(list.String(), "\n"); got != 2 {
		t.Errorf("%d lines for one letter and the count:\n%s", got, &list)
	}
}

// Hostile text may stand anywhere in a log line.
func TestLogsAreSafeToRead(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log := config.Log{LogFormat: format, LogLevel: "debug"}.NewLogger(&out)
		log.With(hostile, hostile).Error(hostile, "device", hostile, "error", errHostile{}, slog.Group(hostile, "in", []string{hostile}))
		slog.NewLogLogger(log.Handler(), slog.LevelWarn).Print(hostile)
		if r, found := unprintable(out.String()); found {
			t.Errorf("%s: a line has %U:\n%q", format, r, &out)
		}
		if got := strings.Count(out.String(), "\n"); got != 2 {
			t.Errorf("%s: %d lines for two events:\n%s", format, got, &out)
		}
	}
}

type errHostile struct{}

func (errHostile) Error() string { return hostile }
