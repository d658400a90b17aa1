package main

import (
	"io"
	"path/filepath"
	"testing"

	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// TestSuiteIsRunnable: bench run accepts the arguments of each run.
func TestSuiteIsRunnable(t *testing.T) {
	for _, x := range suite() {
		c, err := parseRun(x.args)
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		if _, err := scenario.Find(c.Scenario); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	if _, err := (&allCmd{Names: []string{"stadium", "nosuch"}}).chosen(); err == nil {
		t.Error("an unknown scenario gave no error")
	}
}

// TestAll makes two small runs and writes the report. It continues after the one that
// fails.
func TestAll(t *testing.T) {
	built(t)
	dir := t.TempDir()
	small := []string{"--connections=10", "--duration=1s", "--warmup=200ms", "--connect=50ms"}
	c := &allCmd{Runs: 1, JSON: dir}
	reports, err := c.measure(t.Context(), []suiteRun{
		{"wrong", []string{"stadium", "--events=1000"}},
		{"one", append([]string{"stadium"}, small...)},
	}, io.Discard)
	if err == nil || len(reports) != 1 {
		t.Fatalf("%d reports, error %v; want one, and the error of the other", len(reports), err)
	}
	r, err := report.Read(filepath.Join(dir, "one.json"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "one" || r.Scenario != "stadium" || r.Runs[0].Counts.Deliveries < 300 {
		t.Errorf("the report on disk is %s of %s with %+v", r.Name, r.Scenario, r.Runs[0].Counts)
	}
}
