package report

import (
	_ "embed" // the template
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/template"
)

//go:embed text.txt
var textTemplate string

var text = template.Must(template.New("text").Funcs(helpers).Parse(textTemplate))

// helpers are the functions of both templates.
var helpers = template.FuncMap{
	"number":  Number,
	"counts":  counts[int64],
	"metrics": counts[float64],
	"count":   Count[int64],
	"inc":     func(i int) int { return i + 1 },
	"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
}

// Text writes a report for a terminal.
func Text(w io.Writer, r *Report) error { return text.Execute(w, newView(r)) }

// view is a report as the templates show it.
type view struct {
	*Report
	Rows    []row
	Several bool // runs, so that figures have a spread
}

// row is a line of the table of figures.
type row struct {
	Figure
	Value  string // median and unit
	Spread string // lowest and highest value; "" for one run
}

func newView(r *Report) view {
	v := view{Report: r, Several: len(r.Runs) > 1}
	for _, f := range Figures() {
		values := r.Values(f.Key)
		if len(values) == 0 {
			continue
		}
		x := row{Figure: f, Value: strings.TrimSpace(Number(middle(values)) + " " + f.Unit)}
		if v.Several {
			x.Spread = Number(slices.Min(values)) + " - " + Number(slices.Max(values))
		}
		v.Rows = append(v.Rows, x)
	}
	return v
}

// Checked says what the spectators have checked and what they found.
func (r *Run) Checked() string {
	c := r.Counts
	return fmt.Sprintf("checked %s and %d in snapshots: %s, %s, %d out of order, %d stray, %d missing at the end, %s",
		Count(c.Deliveries, "position"), c.SnapshotItems, Count(c.Gaps, "gap"), Count(c.Duplicates, "duplicate"), c.Reordered, c.Stray,
		r.Missing, Count(c.Broken, "broken frame"))
}

// Incidents says what happened to connections, and what was not checked because
// it came from elsewhere; "" for nothing.
func (r *Run) Incidents() string {
	c := r.Counts
	if c.Lost+c.Refused+c.Foreign+c.Lagged == 0 {
		return ""
	}
	return fmt.Sprintf("%s lost, %d refused, %s of other publishers, %s that left out %s",
		Count(c.Lost, "connection"), c.Refused, Count(c.Foreign, "position"), Count(c.Lagged, "lagged snapshot"), Count(c.Conflated, "update"))
}

// Number writes a figure with at least three significant digits.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e15, a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
