package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"pitwall/bench/report"
)

// A comparison with a report that has no valid run has an exit code of its own, unless
// something got worse.
func TestExitCodeOfReportsThatAreNotValid(t *testing.T) {
	file := func(valid ...bool) string {
		rep := &report.Report{Name: "stadium"}
		for _, v := range valid {
			rep.Runs = append(rep.Runs, report.Run{Valid: v, Figures: map[string]float64{"latency_p99_ms": 100}})
		}
		path := filepath.Join(t.TempDir(), "report.json")
		f, err := os.Create(path)
		if err == nil {
			err = errors.Join(report.Write(f, rep), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		before, after []bool
		want          int
	}{
		{[]bool{true, true}, []bool{true, false}, 0},
		{[]bool{true}, []bool{false, false}, exitNotValid},
		{[]bool{false}, []bool{true}, exitNotValid},
	} {
		err := (&compareCmd{Before: file(c.before...), After: file(c.after...)}).Run()
		got := 0
		if err != nil {
			got = exitCode(err)
		}
		if got != c.want {
			t.Errorf("%v against %v: %v, exit code %d, want %d", c.before, c.after, err, got, c.want)
		}
	}
	for _, c := range []struct {
		runs []report.Run
		want error
	}{
		{[]report.Run{{Valid: true}, {Valid: true}}, nil},
		{[]report.Run{{Valid: true}, {}}, errNotValid},
	} {
		if got := requireValid(&report.Report{Runs: c.runs}); !errors.Is(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.runs, got, c.want)
		}
	}
	if got := exitCode(errors.New("refused")); got != exitFailed {
		t.Errorf("exit code %d, want %d", got, exitFailed)
	}
}
