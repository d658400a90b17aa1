package clocks

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// mostExamples is how many examples are printed.
const mostExamples = 60

// Row is what was seen of one kind of device, or of one stream.
type Row struct {
	Name    string
	About   string
	Devices int
	Records int64
	Worst   int64         // most records that a dot was behind, beyond the delivery
	Away    time.Duration // for how long dots were more than one record behind, over all screens
	Faults  map[string]int
}

// violations is the sum of the faults.
func (w *Row) violations() (n int) {
	for _, v := range w.Faults {
		n += v
	}
	return n
}

// Result is what a race has shown.
type Result struct {
	Kinds    []Row
	Streams  []Row
	Examples []string // the first one of each device and fault
	Restarts int
}

// Violations is how often a screen showed something wrong.
func (t *Result) Violations() (n int) {
	for i := range t.Streams {
		n += t.Streams[i].violations()
	}
	return n
}

// tally collects what the races find.
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

// of are the two rows that a device belongs to.
func (t *tally) of(d *device) []*Row {
	if d == nil {
		d = &device{kind: kind{name: "?"}, server: &server{name: "?"}}
	}
	row := func(m map[string]*Row, name, about string) *Row {
		if m[name] == nil {
			m[name] = &Row{Name: name, About: about, Faults: map[string]int{}}
		}
		return m[name]
	}
	return []*Row{row(t.kinds, d.kind.name, d.kind.about), row(t.streams, d.server.name, d.server.about)}
}

// found counts a violation. d is nil where there is no such device.
func (r *race) found(d *device, fault, what string) {
	elapsed := r.elapsed(time.Now())
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	for _, row := range r.tally.of(d) {
		row.Faults[fault]++
	}
	name := "?"
	if d != nil {
		name = d.name
	}
	if key := name + " " + fault; !r.tally.given[key] {
		r.tally.given[key] = true
		r.tally.examples = append(r.tally.examples, fmt.Sprintf("%s: %s after %v (%.0f %%): %s",
			name, fault, elapsed.Round(10*time.Millisecond), 100*float64(elapsed)/float64(r.opt.Duration), what))
	}
}

// measured notes how far a dot is behind.
func (r *race) measured(d *device, behind int64) {
	if behind <= 0 {
		return
	}
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	for _, row := range r.tally.of(d) {
		row.Worst = max(row.Worst, behind)
	}
}

// addAway adds to the time for which dots were away from their place.
func (r *race) addAway(d *device, more time.Duration) {
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	for _, row := range r.tally.of(d) {
		row.Away += more
	}
}

// restarted counts a restart of an engine.
func (t *tally) restarted() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.restarts++
}

// violations is how many there are so far.
func (t *tally) violations() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, row := range t.streams {
		n += row.violations()
	}
	return n
}

// result is what all races have shown.
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
	return &Result{Kinds: collect(t.kinds, Names()), Streams: collect(t.streams, StreamNames()), Examples: t.examples, Restarts: t.restarts}
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
	fmt.Fprintf(w, "worst: records that a dot was behind, beyond delivery; away: time more than one behind, over all screens; %d restarts\n", t.Restarts)
	if len(t.Examples) > 0 {
		shown := t.Examples[:min(len(t.Examples), mostExamples)]
		fmt.Fprintf(w, "\n%d violations; the first of a device and fault each:\n  %s\n", t.Violations(), strings.Join(shown, "\n  "))
	}
}
