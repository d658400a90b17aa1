package ops

import (
	"slices"

	"pitwall/engine/internal/promtext"
)

// section is a heading of README.md with the metrics below it.
type section struct {
	title   string
	metrics []described
}

// described is a metric that the process exposes. The tables of README.md are made from
// these.
type described struct {
	name   string
	labels string // names, separated by commas
	kind   string // a type of Prometheus
	help   string
}

const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
	summary   = "summary"
)

// sections are all metrics, in the order of README.md.
var sections = slices.Concat(processSections, liveSections, archiveSections, runtimeSections)

// families are the descriptions that go with a scrape, by name.
var families = func() map[string]promtext.Family {
	all := map[string]promtext.Family{}
	for _, s := range sections {
		for _, m := range s.metrics {
			all[m.name] = promtext.Family{Name: m.name, Type: m.kind, Help: m.help}
		}
	}
	return all
}()
