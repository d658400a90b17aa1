package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"pitwall/bench/swarm"
)

// Report is what the runs of a scenario have found.
type Report struct {
	Scenario string
	Name     string `json:",omitempty"` // of the scenario as it was run, where it has one of its own
	About    string // what the scenario stands for
	Command  string
	Started  time.Time
	Machine  Machine
	Settings []Setting
	Runs     []Run
}

// Machine is what the runs were made on.
type Machine struct {
	CPUs     int
	Model    string
	MemoryMB int64
	Kernel   string
	Go       string
}

// Setting is a size of the load, in words.
type Setting struct{ Name, Value string }

// Run is one run.
type Run struct {
	Valid   bool
	Why     []string // why it is not valid
	Broken  []string `json:",omitempty"` // what else must not be, in words
	Figures map[string]float64
	Counts  swarm.Counts
	Missing int64     // positions published that clients never came to
	Curve   []Point   // latency by percentile
	Samples []Sample  // a second each, of the steady phase
	Notes   []string  `json:",omitempty"` // what the engine logged, what was found out
	Profile []Profile `json:",omitempty"`
	Siege   *Siege    `json:",omitempty"`

	Ramp     []Step `json:",omitempty"`
	Capacity string `json:",omitempty"` // of the ramp, in words
}

// Breaches is how often a promise was broken.
func (r *Run) Breaches() int64 {
	return r.Counts.Violations() + r.Missing + int64(len(r.Broken))
}

// Promises is an error when promises to spectators were broken.
func (r *Report) Promises() error {
	for i := range r.Runs {
		if r.Runs[i].Breaches() > 0 {
			return errors.New("promises to spectators were broken: see the report")
		}
	}
	return nil
}

// Point is a percentile of the latency, in ms.
type Point struct{ Percentile, MS float64 }

// Sample is a second of a run. Processor time is in cores.
type Sample struct {
	T            float64 // s since the steady phase began
	P50, P99     float64 // ms; 0 when nothing came
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
	Kept       bool    // the objective
	Why        string  // what broke it
}

// Profile is one that was saved.
type Profile struct {
	Kind, File string
	Samples    int64   `json:",omitempty"` // of a CPU profile: some hundred are the least that says anything
	Kernel     float64 `json:",omitempty"` // share of the samples inside system calls
	Top        []Line  `json:",omitempty"`
	Rooms      []Line  `json:",omitempty"`
}

// Line is a function, or a room, and its share of a profile.
type Line struct {
	Name  string
	Share float64
}

// Figure describes one of the figures of a run.
type Figure struct {
	Key, Unit, What string
	Better          int // 1: more is better, -1: less is, 0: neither
}

// Figures are all there are, in the order of a report.
func Figures() []Figure {
	return []Figure{
		{"records_per_s", "/s", "records published", 0},
		{"deliveries_per_s", "/s", "positions that reached clients", 0},
		{"latency_p50_ms", "ms", "from the moment a record was due to the client: p50", -1},
		{"latency_p90_ms", "ms", "p90", -1},
		{"latency_p99_ms", "ms", "p99", -1},
		{"latency_p999_ms", "ms", "p99.9", -1},
		{"latency_max_ms", "ms", "max", 0},
		{"latency_p99_ms_bare", "ms", "p99 of a bare loop that writes the same once per window", 0},
		{"latency_ratio_to_bare", "", "the engine's to that", -1},
		{"latency_p99_ms_gws", "ms", "p99 of gws' Broadcaster, which has no window", 0},
		{"latency_ratio_to_gws", "", "the engine's to that", 0},
		{"slow_p99_ms", "ms", "p99 of the slow clients", 0},
		{"join_p50_ms", "ms", "from wanting to connect to the whole snapshot: p50", -1},
		{"join_p99_ms", "ms", "p99", -1},
		{"join_max_ms", "ms", "max", 0},
		{"stage_redis_p99_ms", "ms", "stage: due until Redis has it, p99", 0},
		{"stage_read_p99_ms", "ms", "stage: Redis until the engine has read it, p99", -1},
		{"stage_flush_p50_ms", "ms", "stage: read until it is flushed, p50", -1},
		{"stage_flush_p99_ms", "ms", "p99", -1},
		{"stage_write_p50_ms", "ms", "stage: Redis until it is written to the socket, p50", -1},
		{"stage_write_p99_ms", "ms", "p99", -1},
		{"cpu_us_per_record", "µs", "engine's processor time per record", -1},
		{"cpu_us_per_delivery", "µs", "and per delivery", -1},
		{"us_per_delivery_bare", "µs", "what a bare loop needs that writes the same once per window", 0},
		{"ratio_to_bare", "", "the engine's to that", -1},
		{"us_per_delivery_gws", "µs", "what gws' Broadcaster needs, per record and connection", 0},
		{"ratio_to_gws", "", "the engine's to that", -1},
		{"user_us_per_delivery", "µs", "of it in user space", -1},
		{"sys_us_per_delivery", "µs", "of it in the kernel", -1},
		{"cpu_cores", "cores", "engine's processor time", -1},
		{"writes_per_delivery", "", "write calls per delivery", -1},
		{"writes_per_window", "", "write calls per connection and flush window", -1},
		{"bytes_per_delivery", "B", "bytes written per delivery", -1},
		{"rss_per_connection_kb", "KB", "engine's memory per idle connection", -1},
		{"rss_mb", "MB", "engine's memory at the end", -1},
		{"rss_slope_mb_per_h", "MB/h", "and how it grows", 0},
		{"goroutine_slope_per_h", "/h", "goroutines: how their number grows", 0},
		{"latency_slope_ms_per_h", "ms/h", "p99: how it grows", 0},
		{"allocations_per_record", "", "allocations of the engine per record", -1},
		{"allocated_bytes_per_record", "B", "bytes allocated per record", -1},
		{"gc_per_s", "/s", "garbage collections", -1},
		{"gc_pause_p99_ms", "ms", "their pauses, p99", -1},
		{"ring_overflows", "", "pushes refused by full rings", 0},
		{"lagged_snapshots", "", "snapshots sent after a slow phase", 0},
		{"conflated", "", "updates that they left out", 0},
		{"stream_lag_max_ms", "ms", "how far the reader was behind the stream", -1},
		{"window_max_ms", "ms", "longest flush window", -1},
		{"archive_rows_per_s", "/s", "rows written to the table", 1},
		{"archive_lag_max_ms", "ms", "how far the archive was behind", -1},
		{"archive_catch_up_ms", "ms", "from the last record to the last row", -1},
		{"redis_cores", "cores", "processor time of Redis", 0},
		{"postgres_cores", "cores", "of PostgreSQL", 0},
		{"softirq_cores", "cores", "the kernel's own, most of it receiving what was written, which is counted for no process", 0},
		{"harness_cores", "cores", "of the harness", 0},
		{"steal_percent", "%", "processor time that the machine was not given", 0},
	}
}

// Median is the middle of a figure over the valid runs; ok is false when none
// has it. Without valid runs the others are taken.
func (r *Report) Median(key string) (v float64, ok bool) {
	values := r.Values(key)
	if len(values) == 0 {
		return 0, false
	}
	return middle(values), true
}

// Values are a figure's over the valid runs, or over all when none is.
func (r *Report) Values(key string) (values []float64) {
	anyValid := slices.ContainsFunc(r.Runs, func(x Run) bool { return x.Valid })
	for _, x := range r.Runs {
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
