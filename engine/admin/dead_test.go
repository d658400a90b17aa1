package admin_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"pitwall/engine/admin"
	"pitwall/engine/config"
	"pitwall/engine/internal/testenv"
)

// deadLetters is a server with dead letters of the streams a and b: 1-1 in both, 2-2
// in b, and 3-3 in a, which has no fields.
type deadLetters struct {
	t      *testing.T
	redis  *testenv.RedisServer
	config config.Streams
}

func newDeadLetters(t *testing.T) *deadLetters {
	t.Helper()
	s := &deadLetters{t: t, redis: testenv.Redis(t)}
	s.config = config.Streams{RedisURL: config.SecretURL(s.redis.URL()), TelemetryStreams: []string{"a", "b"}}
	letter := func(stream, id, reason string, fields ...string) {
		s.redis.Do(append([]string{"XADD", stream + ":dead", "*", "reason", reason, "error", "e", "source_stream", stream, "source_id", id}, fields...)...)
	}
	letter("a", "1-1", "bad_json", "field:x", "1")
	letter("b", "1-1", "bad_json", "field:x", "2")
	letter("b", "2-2", "bad_json", "field:x", "3")
	letter("a", "3-3", "entry_too_large")
	return s
}

// counts returns the number of letters and of records of a and b.
func (s *deadLetters) counts() (counts [4]int64) {
	for i, key := range []string{"a:dead", "b:dead", "a", "b"} {
		counts[i], _ = s.redis.Do("XLEN", key).(int64)
	}
	return counts
}

type deadCommand = func(context.Context, config.Streams, admin.DeadSelection, *slog.Logger, io.Writer) error

// Dropping and replaying refuse an ambiguous source id and do nothing.
func TestDeadLettersOfOneIDInTwoStreams(t *testing.T) {
	ids := func(ids ...string) admin.DeadSelection { return admin.DeadSelection{IDs: ids} }
	for _, tt := range []struct {
		name string
		do   deadCommand
		use  admin.DeadSelection
		err  []string // parts of the error; nil for no error
		left [4]int64
	}{
		{"drop, ambiguous", admin.DeadDrop, ids("2-2", "1-1"), []string{"1-1", "a, b", "--stream"}, [4]int64{2, 2, 0, 0}},
		{"replay, ambiguous", admin.DeadReplay, ids("2-2", "1-1"), []string{"1-1", "a, b", "--stream"}, [4]int64{2, 2, 0, 0}},
		{"drop, by name", admin.DeadDrop, ids("b/1-1"), nil, [4]int64{2, 1, 0, 0}},
		{"replay, by name", admin.DeadReplay, ids("a/1-1"), nil, [4]int64{1, 2, 1, 0}},
		{"drop, by stream", admin.DeadDrop, admin.DeadSelection{Stream: "b", IDs: []string{"1-1"}}, nil, [4]int64{2, 1, 0, 0}},
		{"drop, by stream, all", admin.DeadDrop, admin.DeadSelection{Stream: "b"}, nil, [4]int64{2, 0, 0, 0}},
		{"drop, both by name", admin.DeadDrop, ids("a/1-1", "b/1-1"), nil, [4]int64{1, 1, 0, 0}},
		{"drop, not ambiguous", admin.DeadDrop, ids("2-2"), nil, [4]int64{2, 1, 0, 0}},
		{"drop, of another stream", admin.DeadDrop, ids("a/2-2"), []string{"a/2-2"}, [4]int64{2, 2, 0, 0}},
		{"drop, of no stream", admin.DeadDrop, ids("c/2-2"), []string{`"c"`, "TELEMETRY_STREAMS"}, [4]int64{2, 2, 0, 0}},
		{"drop, by no stream", admin.DeadDrop, admin.DeadSelection{Stream: "c"}, []string{`"c"`, "a, b"}, [4]int64{2, 2, 0, 0}},
		{"replay all, one of them without fields", admin.DeadReplay, admin.DeadSelection{}, []string{"3-3", "too large"}, [4]int64{1, 0, 1, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newDeadLetters(t)
			err := tt.do(t.Context(), s.config, tt.use, slog.New(slog.DiscardHandler), io.Discard)
			if (err != nil) != (tt.err != nil) {
				t.Errorf("the error is %v", err)
			}
			for _, word := range tt.err {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error does not name %s: %v", word, err)
				}
			}
			if got := s.counts(); got != tt.left {
				t.Errorf("letters and records of a and b: %v, want %v", got, tt.left)
			}
		})
	}
}

// Showing changes nothing, so an ambiguous id shows both letters.
func TestDeadShowNamesTheStreams(t *testing.T) {
	s := newDeadLetters(t)
	var out strings.Builder
	for _, id := range []string{"1-1", "3-3"} {
		if err := admin.DeadShow(t.Context(), s.config, admin.DeadSelection{IDs: []string{id}}, slog.New(slog.DiscardHandler), &out); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"stream  a\nid      1-1", "stream  b\nid      1-1", "entry_too_large"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
