package report

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Text writes a report for a terminal.
func Text(w io.Writer, r *Report) {
	fmt.Fprintf(w, "\n%s: %s\n", r.Scenario, r.About)
	m := r.Machine
	fmt.Fprintf(w, "%d CPUs (%s), %d MB, Linux %s, %s\n", m.CPUs, m.Model, m.MemoryMB, m.Kernel, m.Go)
	for _, s := range r.Settings {
		fmt.Fprintf(w, "  %-14s %s\n", s.Name, s.Value)
	}
	if r.CutShort != "" {
		fmt.Fprintf(w, "\nCUT SHORT: %s\n", r.CutShort)
	}
	if len(r.Runs) > 0 {
		fmt.Fprintf(w, "\n%-30s %14s %s\n", "", "median", spreadHead(r))
	}
	for _, f := range Figures() {
		values := r.Values(f.Key)
		if len(values) == 0 {
			continue
		}
		v, _ := r.Median(f.Key)
		fmt.Fprintf(w, "%-30s %14s %s%s\n", f.Key, strings.TrimSpace(Number(v)+" "+f.Unit), spread(r, values), f.What)
	}
	for i := range r.Runs {
		textRun(w, r, i)
	}
	textWithout(w, r)
}

func spreadHead(r *Report) string {
	if len(r.Runs) < 2 {
		return ""
	}
	return fmt.Sprintf("%-20s", "least - most")
}

func spread(r *Report, values []float64) string {
	if len(r.Runs) < 2 {
		return ""
	}
	low, high := extremes(values)
	return fmt.Sprintf("%-20s", Number(low)+" - "+Number(high))
}

func extremes(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

func textRun(w io.Writer, r *Report, i int) {
	run := &r.Runs[i]
	name := "the run"
	if len(r.Runs) > 1 {
		name = fmt.Sprintf("run %d", i+1)
	}
	c := run.Counts
	fmt.Fprintf(w, "\n%s: checked %s and %d of snapshots: %s, %s, %d out of order, %d stray, %d missing at the end, %s\n",
		name, Count(c.Deliveries, "position"), c.SnapshotItems, Count(c.Gaps, "gap"), Count(c.Duplicates, "duplicate"), c.Reordered, c.Stray,
		run.Missing, Count(c.Broken, "broken frame"))
	if c.Lost+c.Refused+c.Foreign+c.Lagged > 0 {
		fmt.Fprintf(w, "  %s lost, %d refused, %s of others, %s, which left out %s\n",
			Count(c.Lost, "connection"), c.Refused, Count(c.Foreign, "position"), Count(c.Lagged, "lagged snapshot"), Count(c.Conflated, "update"))
	}
	if s := run.NotChecked(); s != "" {
		fmt.Fprintln(w, " ", s)
	}
	if run.Valid {
		fmt.Fprintln(w, "  valid")
	}
	for _, why := range run.Why {
		fmt.Fprintln(w, "  NOT VALID:", why)
	}
	if s := run.StillTrue(); s != "" {
		fmt.Fprintln(w, "  still true:", s)
	}
	for _, b := range run.Broken {
		fmt.Fprintln(w, "  BROKEN:", b)
	}
	for _, n := range run.Notes {
		fmt.Fprintln(w, "  note:", n)
	}
	textAttacks(w, run.Attacks)
	for _, p := range run.Profile {
		textProfile(w, p)
	}
	textRamp(w, run)
}

func textProfile(w io.Writer, p Profile) {
	fmt.Fprintf(w, "  profile %s: %s\n", p.Kind, p.File)
	if len(p.Top) == 0 {
		return
	}
	fmt.Fprintf(w, "    %s, %.1f %% inside system calls; by component:\n", Count(p.Samples, "sample"), 100*p.Kernel)
	for _, l := range p.Components {
		fmt.Fprintf(w, "    %5.1f %%  %s\n", 100*l.Share, l.Name)
	}
	fmt.Fprintln(w, "    by function:")
	for _, l := range p.Top {
		fmt.Fprintf(w, "    %5.1f %%  %s\n", 100*l.Share, l.Name)
	}
}

func textRamp(w io.Writer, r *Run) {
	if len(r.Ramp) == 0 {
		return
	}
	fmt.Fprintln(w, "  the figures are those of the last step")
	fmt.Fprintf(w, "\n%12s %14s %10s %10s %8s\n", "load", "deliveries/s", "p50 ms", "p99 ms", "cores")
	for _, s := range r.Ramp {
		fmt.Fprintf(w, "%12s %14s %10s %10s %8.2f  %s\n", Number(s.Load), Number(s.Deliveries), Number(s.P50), Number(s.P99), s.CPU, s.Why)
	}
	fmt.Fprintln(w, "\n"+r.Capacity)
}

// Number writes a figure with three significant digits or more.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e15:
		return fmt.Sprintf("%.0f", v)
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
