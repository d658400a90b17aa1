package report

import (
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"number": Number,
	"counts": counts[int64],
	"count":  Count[int64],
	"inc":    func(i int) int { return i + 1 },
	"percent": func(v float64) string {
		return fmt.Sprintf("%.1f %%", 100*v)
	},
}).Parse(pageText))

// row is a line of the table of figures.
type row struct {
	Figure
	Median float64
	Spread string
}

// HTML writes a report as one page that loads nothing from elsewhere.
func HTML(w io.Writer, r *Report) error {
	var rows []row
	for _, f := range Figures() {
		if v, ok := r.Median(f.Key); ok {
			rows = append(rows, row{f, v, strings.TrimSpace(spread(r, r.Values(f.Key)))})
		}
	}
	err := page.Execute(w, struct {
		*Report
		Rows  []row
		Plots []template.HTML
	}{r, rows, plots(r)})
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// plots draws what people look at, of the first run; the curve of all.
func plots(r *Report) (list []template.HTML) {
	if len(r.Runs) == 0 {
		return nil
	}
	samples := r.Runs[0].Samples
	over := func(title, unit string, lines ...line) {
		for i := range lines {
			for _, s := range samples {
				lines[i].points = append(lines[i].points, xy{s.T, lines[i].of(s)})
			}
		}
		list = append(list, plot{title: title, x: "s", y: unit, lines: lines}.svg())
	}
	over("Latency over time", "ms",
		line{name: "p50", of: func(s Sample) float64 { return s.P50 }}, line{name: "p99", of: func(s Sample) float64 { return s.P99 }})
	curve := plot{title: "Latency by percentile", x: "percentile", y: "ms", percentiles: true}
	for i := range r.Runs {
		l := line{name: fmt.Sprintf("run %d", i+1)}
		for _, p := range r.Runs[i].Curve {
			l.points = append(l.points, xy{p.Percentile, p.MS})
		}
		curve.lines = append(curve.lines, l)
	}
	list = append(list, curve.svg())
	over("Deliveries", "/s", line{name: "positions to spectators", of: func(s Sample) float64 { return s.Deliveries }})
	over("Records", "/s",
		line{name: "published", of: func(s Sample) float64 { return s.Records }}, line{name: "archived", of: func(s Sample) float64 { return s.ArchivedRows }})
	over("Processor time", "cores",
		line{name: "engine, user", of: func(s Sample) float64 { return s.User }}, line{name: "engine, kernel", of: func(s Sample) float64 { return s.Sys }},
		line{name: "Redis", of: func(s Sample) float64 { return s.Redis }}, line{name: "PostgreSQL", of: func(s Sample) float64 { return s.Postgres }},
		line{name: "harness", of: func(s Sample) float64 { return s.Harness }}, line{name: "steal", of: func(s Sample) float64 { return s.Steal }})
	over("Memory of the engine", "MB", line{name: "resident", of: func(s Sample) float64 { return s.RSS }})
	over("Connections and goroutines", "",
		line{name: "connections", of: func(s Sample) float64 { return s.Connections }}, line{name: "goroutines", of: func(s Sample) float64 { return s.Goroutines }})
	over("Behind the stream, and the flush window", "ms",
		line{name: "live lag", of: func(s Sample) float64 { return s.Lag }}, line{name: "archive lag", of: func(s Sample) float64 { return s.ArchiveLag }},
		line{name: "window", of: func(s Sample) float64 { return s.Window }})
	return list
}
