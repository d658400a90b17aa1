package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

const (
	resamples  = 4000
	confidence = 0.95
	// leastChange is the smallest change worth reporting, however certain it is.
	leastChange = 0.03
)

// Change is how a figure differs between two reports.
type Change struct {
	Figure
	Before, After float64 // medians
	Low, High     float64 // 95 % confidence interval of the ratio
	Verdict       string  // better, worse, changed, unclear, the same
}

// Compare compares the figures that both reports have, by their valid runs, and
// the number of broken promises. A side with fewer than two runs says nothing
// about the noise, so every verdict on a figure is unclear.
func Compare(before, after *Report) (list []Change) {
	for _, f := range Figures() {
		a, b := before.Values(f.Key), after.Values(f.Key)
		if len(a) == 0 || len(b) == 0 {
			continue
		}
		c := Change{Figure: f, Before: middle(a), After: middle(b)}
		c.Low, c.High = interval(a, b)
		c.Verdict = verdict(&c, min(len(a), len(b)))
		list = append(list, c)
	}
	if len(before.Runs) > 0 && len(after.Runs) > 0 {
		list = append(list, promises(before, after))
	}
	return list
}

// promisesBroken is worked out from the counts of a run, not from its figures.
const promisesBroken = "promises_broken"

// promises compares the broken promises per run. They have no noise, and those
// of invalid runs count too.
func promises(before, after *Report) Change {
	perRun := func(r *Report) float64 { return float64(r.broken()) / float64(len(r.Runs)) }
	c := Change{Figure: Figure{promisesBroken, "", "per run, of all runs", -1}, Before: perRun(before), After: perRun(after), Verdict: "the same"}
	c.Low, c.High = c.After/c.Before, c.After/c.Before
	if c.Before != c.After {
		c.Verdict = direction(c.Better, cmp.Compare(c.After, c.Before))
	}
	return c
}

// broken is the number of promises broken in all runs.
func (r *Report) broken() (n int64) {
	for i := range r.Runs {
		n += r.Runs[i].Breaches()
	}
	return n
}

func verdict(c *Change, runs int) string {
	if c.Before == 0 && c.After == 0 {
		return "the same"
	}
	if runs < 2 || math.IsNaN(c.Low) || math.IsInf(c.High, 0) {
		return "unclear"
	}
	switch {
	case c.Low > 1+leastChange:
		return direction(c.Better, 1)
	case c.High < 1-leastChange:
		return direction(c.Better, -1)
	case c.Low >= 1-leastChange && c.High <= 1+leastChange:
		return "the same"
	}
	return "unclear"
}

func direction(better, went int) string {
	switch better * went {
	case 1:
		return "better"
	case -1:
		return "worse"
	}
	return "changed"
}

// interval is the bootstrap confidence interval of the ratio of the medians: each
// side is resampled from its own runs. The seed is fixed, so that the same reports
// always give the same verdict.
func interval(a, b []float64) (low, high float64) {
	rng := rand.New(rand.NewPCG(1, 2))
	ratios := make([]float64, resamples)
	draw := func(v []float64) float64 {
		s := make([]float64, len(v))
		for i := range s {
			s[i] = v[rng.IntN(len(v))]
		}
		return middle(s)
	}
	for i := range ratios {
		ratios[i] = draw(b) / draw(a)
	}
	slices.Sort(ratios)
	tail := (1 - confidence) / 2
	return ratios[int(tail*resamples)], ratios[int((1-tail)*resamples)-1]
}

// middle is the median; for an even number of values the mean of the middle two.
func middle(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// portable are the prefixes of figures that do not depend on the machine.
var portable = []string{"ratio_to_", "latency_ratio_to_", "writes_per_", "bytes_per_", "allocat", promisesBroken}

// Portable reports whether a figure can be compared between machines.
func (f Figure) Portable() bool {
	return slices.ContainsFunc(portable, func(prefix string) bool { return strings.HasPrefix(f.Key, prefix) })
}

// WriteComparison writes the changes, and reports whether a figure got worse.
func WriteComparison(w io.Writer, before, after *Report) (worse bool) {
	if before.Scenario != after.Scenario || !slices.Equal(before.Settings, after.Settings) {
		fmt.Fprintf(w, "CAUTION: not the same load: %s %v and %s %v\n", before.Scenario, before.Settings, after.Scenario, after.Settings)
	}
	otherMachine := before.Machine != after.Machine
	if otherMachine {
		fmt.Fprintln(w, "CAUTION: not the same machine: only ratios and counts are judged, not times")
	}
	for _, r := range []*Report{before, after} {
		if !slices.ContainsFunc(r.Runs, func(x Run) bool { return x.Valid }) {
			fmt.Fprintf(w, "CAUTION: no run of %s is valid\n", r.Started.Format("2006-01-02 15:04:05"))
		}
	}
	fmt.Fprintf(w, "%-30s %12s %12s %8s   %-17s %s\n", "", "before", "after", "ratio", "95 % of ratios", "")
	for _, c := range Compare(before, after) {
		if otherMachine && !c.Portable() {
			c.Verdict = "another machine"
		}
		fmt.Fprintf(w, "%-30s %12s %12s %8s   %-17s %s\n", c.Key, Number(c.Before), Number(c.After), ratio(c.After/c.Before),
			ratio(c.Low)+" - "+ratio(c.High), c.Verdict)
		worse = worse || c.Verdict == "worse"
	}
	return worse
}

// ratio writes a ratio, or a dash where there is none.
func ratio(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return Number(v)
}
