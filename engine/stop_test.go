package engine_test

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// Start and stop report each thing once, and only what runs in this process.
func TestStartAndStopReportWhatRuns(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags []string
		steps []string // of the shutdown
		once  []string // in the log, the banner and the status line
		never []string
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
			t.Parallel() // each waits for a status line
			p := e2etest.EmbeddedBackends(t)
			s := p.Start(t, tt.flags...)
			output := s.Engine.Banner() + firstStatus(t, s)
			if slices.Contains(tt.steps, "simulator") {
				n := 0
				if err := p.DB.QueryRow("SELECT count(*) FROM entries WHERE event_id = 'demo'").Scan(&n); err != nil || n == 0 {
					t.Errorf("%d entries in the event demo, %v", n, err)
				}
			}
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			output += s.Log.String()
			var steps []string
			for _, line := range s.Log.Find("stopped") {
				steps = append(steps, line.Attrs["step"])
			}
			if !slices.Equal(steps, tt.steps) {
				t.Errorf("stopped were %q, want %q", steps, tt.steps)
			}
			for _, text := range append(tt.once, "redis connected", "msg=stopping") {
				if n := strings.Count(output, text); n != 1 {
					t.Errorf("%q is there %d times, want once", text, n)
				}
			}
			for _, text := range tt.never {
				if strings.Contains(output, text) {
					t.Errorf("%q is there", text)
				}
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}

// firstStatus returns the first status line of an engine.
func firstStatus(t *testing.T, e *e2etest.Engine) string {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { e.Engine.ShowStatus(ctx, w) })
	line, err := bufio.NewReader(r).ReadString('\n')
	cancel()
	ended.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return line
}
