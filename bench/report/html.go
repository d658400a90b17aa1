package report

import (
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"io"
	"reflect"
)

//go:embed page.html
var pageTemplate string

var page = template.Must(template.New("page").Funcs(helpers).Parse(pageTemplate))

// HTML writes a report as one page that loads nothing from elsewhere.
func HTML(w io.Writer, r *Report) error {
	err := page.Execute(w, struct {
		view
		Plots []template.HTML
	}{newView(r), plots(r)})
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// overTime are the plots of a run's samples. A line is a name and a field of
// Sample.
var overTime = []struct {
	title, unit string
	lines       [][2]string
}{
	{"Latency over time", "ms", [][2]string{{"p50", "P50"}, {"p99", "P99"}}},
	{"Deliveries", "/s", [][2]string{{"positions to spectators", "Deliveries"}}},
	{"Records", "/s", [][2]string{{"published", "Records"}, {"archived", "ArchivedRows"}}},
	{"CPU time", "cores", [][2]string{{"engine, user", "User"}, {"engine, kernel", "Sys"}, {"Redis", "Redis"}, {"PostgreSQL", "Postgres"},
		{"harness", "Harness"}, {"steal", "Steal"}}},
	{"Memory of the engine", "MB", [][2]string{{"resident", "RSS"}}},
	{"Connections and goroutines", "", [][2]string{{"connections", "Connections"}, {"goroutines", "Goroutines"}}},
	{"Lag, and the flush window", "ms", [][2]string{{"live lag", "Lag"}, {"archive lag", "ArchiveLag"}, {"window", "Window"}}},
}

// plots draws the latency by percentile of all runs, and the samples of the
// first one.
func plots(r *Report) (list []template.HTML) {
	if len(r.Runs) == 0 {
		return nil
	}
	curve := plot{title: "Latency by percentile", x: "percentile", y: "ms", percentiles: true}
	for i := range r.Runs {
		l := line{name: fmt.Sprintf("run %d", i+1)}
		for _, p := range r.Runs[i].Curve {
			l.points = append(l.points, xy{p.Percentile, p.MS})
		}
		curve.lines = append(curve.lines, l)
	}
	list = append(list, curve.svg())
	for _, o := range overTime {
		p := plot{title: o.title, x: "s", y: o.unit}
		for _, x := range o.lines {
			l := line{name: x[0]}
			for _, s := range r.Runs[0].Samples {
				l.points = append(l.points, xy{s.T, reflect.ValueOf(s).FieldByName(x[1]).Float()})
			}
			p.lines = append(p.lines, l)
		}
		list = append(list, p.svg())
	}
	return list
}
