package promtext

import (
	"bytes"
	"strings"
)

// Family describes the samples of one metric: a name with all its labels, or the
// buckets, sum and count of a histogram or summary.
type Family struct {
	Name string
	Type string // counter, gauge, histogram or summary
	Help string // one line of plain text, without a backslash
}

// Describe returns samples in Prometheus' text format with a HELP and a TYPE line before
// each family. The samples of a family are moved together, as the format requires.
// Families keep the order of their first sample. Those without a description are written
// without these lines. Comments in the samples are left out.
func Describe(samples []byte, families map[string]Family) []byte {
	var order []string
	grouped := map[string][]byte{}
	for line := range bytes.Lines(samples) {
		if line[0] == '#' || line[0] == '\n' {
			continue
		}
		name := familyOf(line, families)
		if _, known := grouped[name]; !known {
			order = append(order, name)
		}
		grouped[name] = append(grouped[name], line...)
	}
	var b bytes.Buffer
	for _, name := range order {
		if f, ok := families[name]; ok {
			b.WriteString("# HELP " + name + " " + f.Help + "\n# TYPE " + name + " " + f.Type + "\n")
		}
		b.Write(grouped[name])
	}
	return b.Bytes()
}

// familyOf returns the family that a sample belongs to.
func familyOf(sample []byte, families map[string]Family) string {
	name := string(sample)
	if end := bytes.IndexAny(sample, "{ "); end >= 0 {
		name = string(sample[:end])
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, cut := strings.CutSuffix(name, suffix)
		if t := families[base].Type; cut && (t == "histogram" || t == "summary") {
			return base
		}
	}
	return name
}
