package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
	"pitwall/bench/stack"
)

// FloorTable compares Pitwall with the servers of bench/baseline at one load, several
// times, alternating. Its fields are flags of bench floor.
type FloorTable struct {
	Conns   int           `default:"2000" help:"Connections."`
	Events  int           `default:"1" help:"Events; connections and devices are spread over them evenly."`
	Devices int           `default:"200" help:"Devices."`
	Rate    int           `default:"40" help:"Records per second, of all devices together."`
	Window  time.Duration `default:"100ms" help:"Minimum time between two flushes of an event."`
	Seconds int           `default:"5" help:"Length of the measurement of each server."`
	Lowat   int           `default:"16384" help:"TCP_NOTSENT_LOWAT of the servers' sockets."`
	Loops   int           `default:"1" help:"Threads of the bare loops. Use more if one cannot serve all connections within a window."`
	Shards  int           `default:"2" help:"Worker shards of the engine."`
	Writers int           `default:"2" help:"Writers of the engine."`
	Profile string        `help:"Write a CPU profile of the engine to this file."`
	Rounds  int           `default:"3" help:"Number of measurements of each server."`
	Only    []string      `enum:"bare,prompt,engine,broadcaster" help:"Servers to measure: bare, prompt, engine, broadcaster. Default: all."`
}

// engine is the kind of server that is Pitwall.
const engine = "engine"

// tableKinds are all kinds of servers, in the order of the table.
var tableKinds = []string{"bare", "prompt", engine, "broadcaster"}

// Figures that only the table has.
const (
	deliveredPercent = "delivered_percent" // of the positions
	betweenWrites    = "ms_between_writes" // to a connection
)

// check returns an error for flags that make no sense.
func (f *FloorTable) check() error {
	return cmp.Or(
		flagcheck.AtLeast("loops", f.Loops, 1), flagcheck.AtLeast("rounds", f.Rounds, 1), flagcheck.AtLeast("seconds", f.Seconds, 1),
		flagcheck.Reject(f.Devices < f.Events, "--devices is %d, the minimum is one for each of the %d of --events", f.Devices, f.Events),
	)
}

// base is a run of Pitwall with the load of the table.
func (f *FloorTable) base(ctx context.Context, w io.Writer) *run {
	sc, _ := scenario.Find("stadium")
	p := sc.Plan
	p.Connections, p.Events, p.Devices, p.Rate, p.Window = f.Conns, f.Events, f.Devices, float64(f.Rate), f.Window
	p.Duration, p.Warmup = time.Duration(f.Seconds)*time.Second, time.Second
	c := &Command{Stream: "telemetry:t", Dialect: "pitwall",
		EngineArg:    []string{fmt.Sprintf("--live-shards=%d", f.Shards), fmt.Sprintf("--live-writers=%d", f.Writers), fmt.Sprintf("--live-notsent-lowat=%d", f.Lowat)},
		baselineArgs: []string{fmt.Sprintf("--lowat=%d", f.Lowat), fmt.Sprintf("--loops=%d", f.Loops)}}
	if f.Profile != "" {
		c.Profile, c.ProfileDir = []string{"cpu"}, filepath.Dir(f.Profile)
	}
	return newRun(ctx, c, sc, p, w)
}

// measure measures the kinds in turn, and writes the progress to w. The reports are by
// kind; a kind that is not measured has no runs.
func (f *FloorTable) measure(ctx context.Context, w io.Writer, kinds ...string) (reports map[string]*report.Report, err error) {
	base := f.base(ctx, io.Discard)
	if err := cmp.Or(f.check(), base.plan.Check()); err != nil {
		return nil, err
	}
	base.binaries = new(stack.Binaries)
	defer func() { err = errors.Join(err, base.binaries.Close()) }()
	reports = map[string]*report.Report{}
	for _, k := range tableKinds {
		reports[k] = new(report.Report)
	}
	for i := range f.Rounds {
		for _, k := range kinds {
			r := base.another(k, k)
			if k != engine {
				r = base.with(k, k)
			}
			if err := r.do(); err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			r.addWrites()
			reports[k].Runs = append(reports[k].Runs, *r.out)
			fmt.Fprintf(w, "round %d of %d: %s, %.2f µs per delivery\n", i+1, f.Rounds, k, r.out.Figures["cpu_us_per_delivery"])
			for _, p := range r.out.Profile {
				if err := os.Rename(p.File, f.Profile); err != nil {
					return nil, fmt.Errorf("save the profile: %w", err)
				}
			}
		}
	}
	return reports, nil
}

// addWrites adds the figures that only the table has.
func (r *run) addWrites() {
	c := r.out.Counts
	grown := r.sampler.last.metrics.Since(r.sampler.first.metrics)
	turns := grown.Sum("bench_turns_total") // of the bare loops; a full socket takes several writes per turn
	if turns == 0 {
		turns = grown.Sum("processor_live_writes_total")
	}
	length := r.sampler.last.at.Sub(r.sampler.first.at)
	r.out.Figures[deliveredPercent] = 100 * float64(c.Deliveries) / float64(c.Deliveries+c.Gaps+r.out.Missing)
	r.out.Figures[betweenWrites] = float64(r.plan.Connections) * float64(length) / float64(time.Millisecond) / turns
}

// RatioToGWS is the CPU time of Pitwall per delivery, divided by that of gws'
// Broadcaster.
func (f *FloorTable) RatioToGWS(ctx context.Context, w io.Writer) (float64, error) {
	reports, err := f.measure(ctx, w, engine, "broadcaster")
	if err != nil {
		return 0, err
	}
	return reports[engine].Median("cpu_us_per_delivery") / reports["broadcaster"].Median("cpu_us_per_delivery"), nil
}

// Print measures, writes the progress to w, and the table to out.
func (f *FloorTable) Print(ctx context.Context, out, w io.Writer) error {
	kinds := f.Only
	if len(kinds) == 0 {
		kinds = tableKinds
	}
	reports, err := f.measure(ctx, w, kinds...)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d connections, %d events, %d devices, %d records/s, window %v: %.0f deliveries/s; %d CPUs, bare loops of %d; medians of %d, alternating\n\n",
		f.Conns, f.Events, f.Devices, f.Rate, f.Window, float64(f.Rate)*float64(f.Conns)/float64(f.Events), runtime.NumCPU(), f.Loops, f.Rounds)
	fmt.Fprintln(out, "|  | CPU µs per delivery | user | to bare | to prompt | µs per write | writes per delivery | bytes per delivery | delivered | ms between writes |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|---|")
	bare, prompt := reports["bare"].Median("cpu_us_per_delivery"), reports["prompt"].Median("cpu_us_per_delivery")
	for _, k := range kinds {
		m := reports[k].Median
		cpu, writes := m("cpu_us_per_delivery"), m("writes_per_delivery")
		fmt.Fprintf(out, "| %s | %.2f | %.2f | %s | %s | %.2f | %.3f | %.0f | %.1f %% | %.0f |\n", k, cpu, m("user_us_per_delivery"),
			ratio(cpu, bare), ratio(cpu, prompt), cpu/writes, writes, m("bytes_per_delivery"), m(deliveredPercent), m(betweenWrites))
	}
	for _, k := range kinds {
		if text := f.late(k, reports[k].Median(betweenWrites)); text != "" {
			fmt.Fprintln(out, "\n"+text)
		}
		for i, r := range reports[k].Runs {
			for _, why := range r.Why {
				fmt.Fprintf(out, "\nround %d of %s is NOT VALID: %s\n", i+1, k, why)
			}
		}
	}
	return nil
}

// late says that a bare loop has not kept the window, because one turn over its
// sockets takes longer; ms is the time between two writes to a connection. Such a loop
// writes more at a time and looks cheaper. late is "" for a loop that has kept the
// window, and if records are too rare for a write per window.
func (f *FloorTable) late(kind string, ms float64) string {
	window := float64(f.Window) / float64(time.Millisecond)
	if kind != "bare" && kind != "prompt" || float64(f.Rate)/float64(f.Events)*f.Window.Seconds() < 2 || ms <= 1.15*window {
		return ""
	}
	return fmt.Sprintf("%s does not keep the window: a socket is written to every %.0f ms, so its cost per delivery looks too low; use more --loops or fewer --conns", kind, ms)
}

// ratio is a/b, or a dash if there is no b.
func ratio(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}
