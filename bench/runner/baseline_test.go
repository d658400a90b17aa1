//go:build !race

// The race detector allocates, and changes the ratio of costs.

package runner

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"pitwall/bench/report"
)

var update = flag.Bool("update", false, "rewrite testdata/baseline.json")

// bound is the value of a figure, and how far it may grow.
type bound struct {
	Figure    string
	Value     float64
	Tolerance float64 // as a fraction of Value
}

// TestBaseline makes a short run with real servers and compares ratios and counts with
// the committed ones. Times depend on the machine and are not compared.
func TestBaseline(t *testing.T) {
	const file = "testdata/baseline.json"
	dir := t.TempDir()
	// At a high rate, what the profile, the scrapes and a garbage collection allocate is little
	// per record.
	c := command(t, "stadium", "--connections=100", "--rate=4000", "--duration=3s", "--warmup=1s", "--connect=200ms",
		"--profile=goroutine", "--profile-dir="+dir, "--json="+dir+"/r.json", "--html="+dir+"/r.html")
	rep, err := c.Measure(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(rep); err != nil {
		t.Fatal(err)
	}
	run := rep.Runs[0]
	if n := run.Counts.Violations() + run.Missing + run.Counts.Refused + run.Counts.Lost; n > 0 || run.Counts.Deliveries < 100*4000 {
		t.Fatalf("%+v, %d missing: want all of at least 400,000 deliveries", run.Counts, run.Missing)
	}
	for _, key := range []string{"stage_redis_p99_ms", "stage_read_p50_ms", "stage_flush_p50_ms", "stage_socket_p50_ms",
		"stage_client_p50_ms", "stage_client_p99_ms", "written_p50_ms"} {
		if _, ok := run.Figures[key]; !ok {
			t.Errorf("%s is not among the figures: %v", key, run.Figures)
		}
	}
	run.Figures["ratio_to_gws"] = ratioToGWS(t)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var bounds []bound
	if err := json.Unmarshal(b, &bounds); err != nil {
		t.Fatal(err)
	}
	for i := range bounds {
		x := &bounds[i]
		got, ok := run.Figures[x.Figure]
		if *update {
			x.Value = got
			continue
		}
		if !ok || got > x.Value*(1+x.Tolerance) {
			t.Errorf("%s is %.3f, the baseline is %.3f and %.0f %% more are allowed (go test ./bench/runner -run Baseline -update, if that is meant)",
				x.Figure, got, x.Value, 100*x.Tolerance)
		}
	}
	if *update {
		out, err := json.MarshalIndent(bounds, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkComponents(t, run.Profile)
}

// ratioToGWS is the CPU time of Pitwall divided by that of gws' Broadcaster. Other work
// on the machine hardly changes it.
func ratioToGWS(t *testing.T) float64 {
	t.Helper()
	ratio, err := (&FloorTable{Conns: 500, Events: 1, Devices: 200, Rate: 100, Window: 100 * time.Millisecond, Seconds: 2, Lowat: 16384, Loops: 1, Shards: 2, Writers: 2, Rounds: 3}).
		RatioToGWS(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return ratio
}

// checkComponents checks that the engine's goroutines have the names of their
// components.
func checkComponents(t *testing.T, profiles []report.Profile) {
	t.Helper()
	if len(profiles) != 1 {
		t.Fatalf("%d profiles, want one", len(profiles))
	}
	b, err := os.ReadFile(profiles[0].File)
	if err != nil {
		t.Fatal(err)
	}
	prof, err := profile.Parse(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	components, _ := byComponent(prof)
	for _, want := range []string{"shards", "feed", "live server/write", "event map"} {
		if components[want] == 0 {
			t.Errorf("no goroutine of %q in %v", want, components)
		}
	}
}
