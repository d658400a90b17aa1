package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"pitwall/bench/spectators"
)

// Report is the result of the runs of a scenario.
type Report struct {
	Scenario string
	Name     string `json:",omitempty"` // of a variant of the scenario
	About    string // what the scenario stands for
	Command  string
	Started  time.Time
	Machine  Machine
	Settings []Setting
	Runs     []Run
	Without  []Run  `json:",omitempty"` // with the archive off, alternating with Runs
	CutShort string `json:",omitempty"` // how many runs are complete, and why not all
}

// Machine is what the runs were made on.
type Machine struct {
	CPUs     int
	Model    string
	MemoryMB int64
	Kernel   string
	Go       string
}

// Setting is a parameter of the load, in words.
type Setting struct{ Name, Value string }

// Run is one run.
type Run struct {
	Valid     bool
	Why       []string           // why it is not valid
	OtherLoad bool               `json:",omitempty"` // one of the reasons is that the load was not the planned one
	Broken    []string           `json:",omitempty"` // other broken promises, in words
	Figures   map[string]float64 // by Figure.Key
	Counts    spectators.Counts
	Missing   int64     // published positions that never arrived
	Curve     []Point   // latency by percentile
	Samples   []Sample  // one per second of the steady phase
	Notes     []string  `json:",omitempty"` // log lines of the engine, and remarks of the run
	Profile   []Profile `json:",omitempty"`
	Attacks   *Attacks  `json:"Siege,omitempty"`

	Ramp     []Step `json:",omitempty"`
	Capacity string `json:",omitempty"` // result of the ramp, in words
}

// Breaches is the number of broken promises.
func (r *Run) Breaches() int64 {
	return r.Counts.Violations() + r.Missing + int64(len(r.Broken))
}

// Promises returns an error when a promise to spectators was broken.
func (r *Report) Promises() error {
	for _, x := range slices.Concat(r.Runs, r.Without) {
		if x.Breaches() > 0 {
			return errors.New("promises to spectators were broken: see the report")
		}
	}
	return nil
}

// Point is the latency at a percentile.
type Point struct{ Percentile, MS float64 }

// Sample is one second of a run. CPU time is in cores.
type Sample struct {
	T            float64 // s since the steady phase began
	P50, P99     float64 // ms; 0 when nothing arrived
	Deliveries   float64 // a second
	Records      float64 // a second
	User, Sys    float64 // of the engines
	Redis        float64
	Postgres     float64
	Harness      float64
	Steal        float64
	RSS          float64 // MB, of the engines
	Goroutines   float64
	Connections  float64
	Lag          float64 // ms behind the stream
	ArchiveLag   float64 // ms
	ArchivedRows float64 // a second
	Window       float64 // ms between two flushes
}

// Step is one step of a ramp.
type Step struct {
	Load       float64 // connections or records a second
	Deliveries float64 // a second
	P50, P99   float64 // ms
	CPU        float64 // cores of the engines
	Kept       bool    // the objective was met
	Why        string  // why it was not met
}

// Profile is a profile that was saved.
type Profile struct {
	Kind, File string
	Samples    int64   `json:",omitempty"` // of a CPU profile; fewer than a few hundred say little
	Kernel     float64 `json:",omitempty"` // share of the samples inside system calls
	Top        []Line  `json:",omitempty"`
	Components []Line  `json:"Rooms,omitempty"`
}

// Line is a function, or a component, and its share of a profile.
type Line struct {
	Name  string
	Share float64
}

// Median is the median of Values, 0 when there are none.
func (r *Report) Median(key string) float64 {
	values := r.Values(key)
	if len(values) == 0 {
		return 0
	}
	return middle(values)
}

// Values are the values of a figure in the valid runs, or in all runs when none
// is valid.
func (r *Report) Values(key string) []float64 { return figureOf(r.Runs, key) }

// figureOf is Report.Values for other runs.
func figureOf(runs []Run, key string) (values []float64) {
	anyValid := slices.ContainsFunc(runs, func(x Run) bool { return x.Valid })
	for _, x := range runs {
		if v, ok := x.Figures[key]; ok && (x.Valid || !anyValid) {
			values = append(values, v)
		}
	}
	return values
}

// Write writes a report as JSON.
func Write(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Read reads a report from a file.
func Read(file string) (*Report, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a report: %w", err)
	}
	r := new(Report)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("read the report %s: %w", file, err)
	}
	return r, nil
}
