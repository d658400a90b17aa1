package promtext

import "bytes"

// Family describes the samples of one metric: a name with all its labels, or the
// buckets, sum and count of a histogram or summary.
type Family struct {
	Name string
	Type string // counter, gauge, histogram or summary
	Help string // one line of plain text, without a backslash
}

// Describer adds to samples what their families are. It keeps its memory from one call
// to the next, because a text is tens of KB and is asked for every few seconds. One
// goroutine at a time may use it.
type Describer struct {
	families map[string]Family
	index    map[string]int // into groups, by family; families that were seen stay
	groups   []group
	order    []int // of the groups of this call
	lines    []sample
	out      []byte
}

// group is the samples of one family: a list in Describer.lines.
type group struct {
	name        string
	first, last int // -1 for none
}

type sample struct {
	text []byte
	next int // in the same group; -1 at the end
}

// NewDescriber returns a Describer for some families, by name.
func NewDescriber(families map[string]Family) *Describer {
	return &Describer{families: families, index: map[string]int{}}
}

// Describe returns samples in Prometheus' text format with a HELP and a TYPE line before
// each family. The samples of a family are moved together, as the format requires.
// Families keep the order of their first sample. Those without a description are written
// without these lines. Comments in the samples are left out. The result is good until
// the next call.
func (d *Describer) Describe(samples []byte) []byte {
	for _, i := range d.order {
		d.groups[i].first, d.groups[i].last = -1, -1
	}
	d.order, d.lines, d.out = d.order[:0], d.lines[:0], d.out[:0]
	for line := range bytes.Lines(samples) {
		if line[0] != '#' && line[0] != '\n' {
			d.add(line)
		}
	}
	for _, i := range d.order {
		d.write(d.groups[i])
	}
	clear(d.lines) // they point into samples
	return d.out
}

// add appends a line to the group of its family.
func (d *Describer) add(line []byte) {
	name := familyOf(line, d.families)
	i, known := d.index[string(name)]
	if !known {
		i = len(d.groups)
		d.groups = append(d.groups, group{string(name), -1, -1})
		d.index[d.groups[i].name] = i
	}
	g, n := &d.groups[i], len(d.lines)
	d.lines = append(d.lines, sample{line, -1})
	if g.first < 0 {
		g.first = n
		d.order = append(d.order, i)
	} else {
		d.lines[g.last].next = n
	}
	g.last = n
}

// write appends a family to the text.
func (d *Describer) write(g group) {
	if f, ok := d.families[g.name]; ok {
		for _, part := range [...]string{"# HELP ", g.name, " ", f.Help, "\n# TYPE ", g.name, " ", f.Type, "\n"} {
			d.out = append(d.out, part...)
		}
	}
	for n := g.first; n >= 0; n = d.lines[n].next {
		d.out = append(d.out, d.lines[n].text...)
	}
}

// familyOf returns the family that a sample belongs to, as a part of the sample.
func familyOf(sample []byte, families map[string]Family) []byte {
	name := sample
	if end := bytes.IndexAny(sample, "{ "); end >= 0 {
		name = sample[:end]
	}
	for _, suffix := range [][]byte{[]byte("_bucket"), []byte("_sum"), []byte("_count")} {
		base, cut := bytes.CutSuffix(name, suffix)
		if t := families[string(base)].Type; cut && (t == "histogram" || t == "summary") {
			return base
		}
	}
	return name
}
