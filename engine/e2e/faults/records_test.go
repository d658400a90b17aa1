package faults

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// invalidRecord is the reason of a refusal, with a record that is refused for it, made
// from the number n.
type invalidRecord struct {
	reason string
	record func(n int) []string
}

// invalidRecords are invalid in many ways, in both shapes.
var invalidRecords = []invalidRecord{
	{"missing_field", func(n int) []string { return []string{"device_id", e2etest.Device(n), "lat", "47"} }},
	{"missing_field", func(n int) []string { return []string{"nothing", "we", "know", fmt.Sprint(n)} }},
	{"out_of_range", func(n int) []string { return []string{"device_id", e2etest.Device(n), "lat", "91", "lon", "8"} }},
	{"bad_number", func(n int) []string { return []string{"device_id", e2etest.Device(n), "lat", "4,7", "lon", "8"} }},
	{"bad_timestamp", func(n int) []string {
		return []string{"device_id", e2etest.Device(n), "ts", "yesterday", "lat", "47", "lon", "8"}
	}},
	{"ts_out_of_range", func(n int) []string {
		return []string{"device_id", e2etest.Device(n), "ts", "2100-01-01T00:00:00Z", "lat", "47", "lon", "8"}
	}},
	{"bad_device_id", func(int) []string {
		return []string{"device_id", strings.Repeat("x", 65), "lat", "47", "lon", "8"}
	}},
	{"bad_json", func(n int) []string {
		return []string{"device_id", e2etest.Device(n), "payload", `{"latitude":47,"longitude":8`}
	}},
	{"bad_type", func(n int) []string {
		return []string{"device_id", e2etest.Device(n), "payload", `{"latitude":"47","longitude":[8]}`}
	}},
	{"payload_too_large", func(n int) []string {
		return []string{"device_id", e2etest.Device(n), "payload", `{"x":"` + strings.Repeat("x", 17<<10) + `"}`}
	}},
	{"bad_text", func(n int) []string {
		return []string{"device_id", e2etest.Device(n), "payload",
			`{"latitude":47,"longitude":8,"timestamp":"2025-06-01T12:00:00Z\u0000"}`}
	}},
}

// deadLetter is the reason and the fields that a dead letter must have.
type deadLetter struct {
	reason string
	fields []string
}

// Invalid records of every kind come in between good ones. The good ones all
// arrive, the others are dead letters once each, and the metrics agree.
func TestInvalidRecords(t *testing.T) {
	const devices, rounds = 200, 20
	s := newStack(t, devices)
	e := s.Start(showsAll...)
	screen := s.Watch(e.HTTP, "spectator", "?batch=1", "")
	load := s.load(s.RedisURL, devices)

	want := map[string]deadLetter{}
	for n := range rounds {
		for _, b := range invalidRecords {
			fields := b.record(n)
			want[s.Add(fields...)] = deadLetter{b.reason, fields}
		}
	}
	load.more(s, devices)
	load.stop()
	broken := len(want)
	// A second position of a device with the same time is well-formed, and cannot be in
	// the table either. Live, it is a duplicate.
	const conflicts = 5
	ts := time.Now().UnixMilli() + 1000
	names := load.names()
	newest := load.newest()
	for n := range conflicts {
		device := e2etest.Device(n)
		s.Add(record(device, ts, n)...)
		names, newest[device] = append(names, recordName(device, ts, n)), ts
		fields := record(device, ts, n+1)
		want[s.Add(fields...)] = deadLetter{"ts_conflict", fields}
	}

	slices.Sort(names)
	s.WantScreens(newest, screen)
	s.wantTable(names)
	s.wantDeadLetters(want)
	e.WantMetric(t, "processor_live_records_total", len(names)+len(want))
	e.WantMetric(t, "processor_live_decode_errors_total", broken)
	e.WantMetric(t, "processor_live_duplicate_records_total", conflicts)
	e.WantMetric(t, "processor_live_deliveries_total", len(names))
	e.WantMetric(t, "processor_archive_rows_total", len(names))
	e.WantMetric(t, "processor_archive_duplicates_total", 0)
	e.WantMetric(t, "processor_archive_conflicts_total", conflicts)
	e.WantMetric(t, "processor_archive_dead_total", len(want))
	for _, b := range invalidRecords {
		n := rounds * len(slices.DeleteFunc(slices.Clone(invalidRecords), func(o invalidRecord) bool { return o.reason != b.reason }))
		e.WantMetric(t, fmt.Sprintf("processor_live_decode_errors_total{reason=%q}", b.reason), n)
	}
}

// wantDeadLetters compares the dead letters with what is expected, by source
// id: reason, stream and the fields as they were sent, each once.
func (s *stack) wantDeadLetters(want map[string]deadLetter) {
	s.T.Helper()
	s.Eventually(fmt.Sprintf("%d dead letters", len(want)), func() bool {
		n, _ := s.Redis.Do("XLEN", e2etest.Stream+":dead").(int64)
		return int(n) >= len(want)
	})
	seen := map[string]bool{}
	for _, entry := range entriesOf(s.Redis, e2etest.Stream+":dead") {
		letter, fields := map[string]string{}, []string(nil)
		pairs := entry.([]any)
		for i := 0; i < len(pairs); i += 2 {
			name, value := pairs[i].(string), pairs[i+1].(string)
			if original, ok := strings.CutPrefix(name, "field:"); ok {
				fields = append(fields, original, value)
			} else {
				letter[name] = value
			}
		}
		id := letter["source_id"]
		w, ok := want[id]
		switch {
		case !ok:
			s.T.Errorf("a dead letter of %q, which was not broken: %v", id, letter)
		case seen[id]:
			s.T.Errorf("two dead letters of %s", id)
		case letter["source_stream"] != e2etest.Stream || letter["reason"] != w.reason:
			s.T.Errorf("dead letter of %s is %v, want stream %s, reason %s", id, letter, e2etest.Stream, w.reason)
		case !slices.Equal(fields, w.fields):
			s.T.Errorf("dead letter of %s has the fields %.200q, want %.200q", id, fields, w.fields)
		}
		seen[id] = true
	}
	if len(seen) != len(want) {
		s.T.Errorf("%d records lie in the dead letters, want %d", len(seen), len(want))
	}
}

// entriesOf yields the id and the fields of each entry of a stream, in order.
func entriesOf(server *testenv.RedisServer, stream string) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for from := "-"; ; {
			page := server.Do("XRANGE", stream, from, "+", "COUNT", "5000").([]any)
			for _, entry := range page {
				pair := entry.([]any)
				id := pair[0].(string)
				if !yield(id, pair[1]) {
					return
				}
				from = "(" + id
			}
			if len(page) == 0 {
				return
			}
		}
	}
}
