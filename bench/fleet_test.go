package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pitwall/bench/report"
	"pitwall/bench/spectators"
)

// told is what a swarm process writes that has had waits of so many µs.
func told(t *testing.T, odd int64, waits ...int64) *bytes.Buffer {
	t.Helper()
	p := spectators.Progress{Wait: spectators.NewHist(), Odd: odd}
	for _, us := range waits {
		p.Wait.Record(us)
	}
	b := new(bytes.Buffer)
	if err := json.NewEncoder(b).Encode(p); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestClientStageOfAFleet is that of all its processes, from the last measure
// on, and no figure at all where the kernel stamps nothing.
func TestClientStageOfAFleet(t *testing.T) {
	f := &fleet{latency: spectators.NewHist(), slow: spectators.NewHist(), join: spectators.NewHist(), wait: spectators.NewHist(),
		second: spectators.NewHist(), phase: spectators.NewHist()}
	figures := func() (got map[string]float64, notes []string) {
		r, got := &run{fleet: f, out: new(report.Run)}, map[string]float64{}
		r.putClientStage(func(key string, v float64) { got[key] = v })
		return got, r.out.Notes
	}
	f.listen(new(crew), told(t, 7, 900_000))
	if err := f.measure(time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	f.listen(new(crew), told(t, 0))
	if got, notes := figures(); len(got)+len(notes) != 0 {
		t.Errorf("figures %v and notes %q of a fleet that was told nothing since the last measure", got, notes)
	}
	f.listen(new(crew), told(t, 2, 1000))
	f.listen(new(crew), told(t, 3, 3000, 3000))
	got, notes := figures()
	if p50, p99 := got["stage_client_p50_ms"], got["stage_client_p99_ms"]; p50 < 3 || p50 > 3.01 || p99 != p50 {
		t.Errorf("p50 %v and p99 %v ms, want 3: of 1, 3 and 3 from two processes", p50, p99)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "5 reads") {
		t.Errorf("notes %q, want one of 5 reads that were left out", notes)
	}
}
