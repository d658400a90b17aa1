package runner

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"pitwall/bench/stack"
)

// installation starts an installation that runs until the test ends.
func installation(t *testing.T, roster []stack.Entry) *stack.Stack {
	t.Helper()
	s, err := stack.Start(t.Context(), stack.Options{Engines: 1, Roster: roster, Binaries: &binaries})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestTargetThatLetsNobodyIn: if no spectator can subscribe, the run fails.
func TestTargetThatLetsNobodyIn(t *testing.T) {
	s := installation(t, nil)
	e := s.Engines[0]
	for _, c := range []struct{ flag, want string }{
		{"--target=ws://127.0.0.1:1/live", "connection refused"},
		{"--target=ws://" + e.Addr + "/live", "there is no such event"}, // it knows no roster
		{"--ops=" + e.Addr, "--ops"},
	} {
		args := []string{"stadium", "--connections=10", "--connect=50ms", "--target=ws://" + e.Addr + "/live", "--redis=" + s.RedisURL, c.flag}
		if _, err := command(t, args...).Measure(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", c.flag, err, c.want)
		}
	}
}

// TestTarget measures an installation that runs, twice: the second run must not mistake
// the last positions of the first one for its own.
func TestTarget(t *testing.T) {
	sizes := []string{"stadium", "--connections=10", "--devices=20", "--rate=100", "--duration=1s", "--warmup=200ms", "--connect=50ms"}
	s := installation(t, roster(&prepare(t, sizes...).plan))
	e := s.Engines[0]
	c := command(t, append(sizes, "--target=ws://"+e.Addr+"/live", "--redis="+s.RedisURL, "--ops="+e.Ops,
		"--pid="+strconv.Itoa(e.PID), "--runs=2")...)
	rep, err := c.Measure(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rep.Runs {
		r := &rep.Runs[i]
		if n := r.Counts.Violations() + r.Missing + r.Counts.Refused + r.Counts.Lost + r.Counts.Foreign; n > 0 || r.Counts.Deliveries < 1000 {
			t.Errorf("run %d: %+v, %d missing; want at least 1,000 deliveries and no fault", i+1, r.Counts, r.Missing)
		}
		if r.Figures["rss_mb"] == 0 || r.Figures["writes_per_delivery"] == 0 {
			t.Errorf("run %d: figures %v, want those of the process and of its metrics", i+1, r.Figures)
		}
	}
	if got := rep.Runs[1].Counts.SnapshotItems; got < 10*20 {
		t.Errorf("the second run saw %d positions in snapshots, want the last ones of the first", got)
	}
}
