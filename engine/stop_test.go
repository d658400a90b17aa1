package engine

import (
	"slices"
	"strings"
	"testing"
)

// What a process says of its start and of its end is said once, and of what
// runs in it alone.
func TestStartAndStopTellOfWhatRuns(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags []string
		steps []string // of the shutdown
		told  []string // in the log and in what a newcomer is told
		not   []string
	}{
		{"everything", nil,
			[]string{"live server", "event map and feed", "archive", "ops server", "redis", "database"},
			[]string{"msg=ready http=", "map  ", "live  ", "records/s in", "rows/s archived"}, []string{"simulator"}},
		{"simulated", []string{"--simulate=1"},
			[]string{"simulator", "live server", "event map and feed", "archive", "ops server", "redis", "database"},
			[]string{"simulator  1 device in the event demo"}, nil},
		{"no live part", []string{"--simulate=2", "--no-live"},
			[]string{"simulator", "archive", "ops server", "redis", "database"},
			[]string{"msg=ready ops=", "2 devices in the event demo", "rows/s archived"}, []string{"map  ", "live  ", "records/s in", "http=", "warm start"}},
		{"no archive", []string{"--no-archive"},
			[]string{"live server", "event map and feed", "ops server", "redis", "database"},
			[]string{"msg=ready http=", "out to 0 connections"}, []string{"rows/s", "durable-write"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := embeddedParts(t)
			var log logs
			s, err := serve(&log, append(append(p.flags, "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0"), tt.flags...))
			if err != nil {
				t.Fatal(err)
			}
			told := s.engine.Banner() + s.engine.status(s.engine.counted(), s.engine.counted())
			if slices.Contains(tt.steps, "simulator") {
				n := 0
				if err := p.db.QueryRow("SELECT count(*) FROM entries WHERE event_id = 'demo'").Scan(&n); err != nil || n == 0 {
					t.Errorf("%d entries in the event demo, %v", n, err)
				}
			}
			if err := s.stop(); err != nil {
				t.Fatal(err)
			}
			told += log.String()
			var steps []string
			for line := range strings.Lines(log.String()) {
				if _, rest, ok := strings.Cut(line, "msg=stopped step="); ok {
					step, _, _ := strings.Cut(rest, " took=")
					steps = append(steps, strings.Trim(step, `"`))
				}
			}
			if !slices.Equal(steps, tt.steps) {
				t.Errorf("stopped were %q, want %q", steps, tt.steps)
			}
			for _, once := range append(tt.told, "redis connected", "msg=stopping") {
				if n := strings.Count(told, once); n != 1 {
					t.Errorf("%q is said %d times, want once", once, n)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(told, not) {
					t.Errorf("%q is said", not)
				}
			}
			if t.Failed() {
				t.Log(told)
			}
		})
	}
}
