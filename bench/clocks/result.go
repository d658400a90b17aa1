package clocks

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// mostExamples is the most examples that are printed.
const mostExamples = 60

// Row is the result of a kind of device, or of a stream.
type Row struct {
	Name    string
	About   string
	Devices int
	Records int64
	Worst   int64         // largest lag of a dot in records, beyond delivery
	Away    time.Duration // total time that dots lagged by more than one record, over all screens
	Faults  map[string]int
}

// violations is the sum of the faults.
func (w *Row) violations() (n int) {
	for _, v := range w.Faults {
		n += v
	}
	return n
}

// Result is the result of the races.
type Result struct {
	Kinds    []Row
	Streams  []Row
	Examples []string // the first of each device and fault
	Restarts int
}

// Violations is the number of times that a screen showed something wrong.
func (t *Result) Violations() (n int) {
	for i := range t.Streams {
		n += t.Streams[i].violations()
	}
	return n
}

// tally collects the results of the races.
type tally struct {
	mu             sync.Mutex // guards what follows
	kinds, streams map[string]*Row
	examples       []string
	given          map[string]bool
	restarts       int
}

func newTally() *tally {
	return &tally{kinds: map[string]*Row{}, streams: map[string]*Row{}, given: map[string]bool{}}
}

// of are the two rows that a device belongs to. The caller holds mu.
func (t *tally) of(d *device) []*Row {
	row := func(m map[string]*Row, name, about string) *Row {
		if m[name] == nil {
			m[name] = &Row{Name: name, About: about, Faults: map[string]int{}}
		}
		return m[name]
	}
	return []*Row{row(t.kinds, d.kind.name, d.kind.about), row(t.streams, d.server.name, d.server.about)}
}

// stranger stands for a device that was never published.
var stranger = &device{name: "?", kind: kind{name: "?"}, server: &server{name: "?"}}

// update changes the two rows that a device belongs to.
func (t *tally) update(d *device, change func(*Row)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, row := range t.of(d) {
		change(row)
	}
}

// found counts a violation.
func (r *race) found(d *device, fault, what string) {
	elapsed := r.elapsed(time.Now())
	r.tally.update(d, func(row *Row) { row.Faults[fault]++ })
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	name := d.name
	if key := name + " " + fault; !r.tally.given[key] {
		r.tally.given[key] = true
		r.tally.examples = append(r.tally.examples, fmt.Sprintf("%s: %s after %v (%.0f %%): %s",
			name, fault, elapsed.Round(10*time.Millisecond), 100*float64(elapsed)/float64(r.opt.Duration), what))
	}
}

// restarted counts a restart of an engine.
func (t *tally) restarted() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.restarts++
}

// violations is the number of violations so far.
func (t *tally) violations() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, row := range t.streams {
		n += row.violations()
	}
	return n
}

// result is the result of all races.
func (t *tally) result(devices []*device) *Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range devices {
		for _, row := range t.of(d) {
			row.Devices++
			row.Records += d.records()
		}
	}
	collect := func(m map[string]*Row, names []string) (list []Row) {
		for _, row := range m {
			list = append(list, *row)
		}
		slices.SortFunc(list, func(a, b Row) int { return slices.Index(names, a.Name) - slices.Index(names, b.Name) })
		return list
	}
	return &Result{Kinds: collect(t.kinds, Names()), Streams: collect(t.streams, streamNames()), Examples: t.examples, Restarts: t.restarts}
}

// Print writes the tables, and examples of what was wrong.
func (t *Result) Print(w io.Writer) {
	for _, part := range []struct {
		title string
		rows  []Row
	}{{"kind", t.Kinds}, {"stream", t.Streams}} {
		fmt.Fprintf(w, "%-17s %7s %8s %6s %9s", part.title, "devices", "records", "worst", "away s")
		for _, f := range faults {
			fmt.Fprintf(w, " %7s", f)
		}
		fmt.Fprintln(w)
		for _, row := range part.rows {
			fmt.Fprintf(w, "%-17s %7d %8d %6d %9.1f", row.Name, row.Devices, row.Records, row.Worst, row.Away.Seconds())
			for _, f := range faults {
				fmt.Fprintf(w, " %7d", row.Faults[f])
			}
			fmt.Fprintln(w, "  "+row.About)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "worst: largest lag of a dot in records, beyond delivery; away: time that dots lagged by more than one record, over all screens; %d restarts\n", t.Restarts)
	if len(t.Examples) > 0 {
		shown := t.Examples[:min(len(t.Examples), mostExamples)]
		fmt.Fprintf(w, "\n%d violations; the first of each device and fault:\n  %s\n", t.Violations(), strings.Join(shown, "\n  "))
	}
}
