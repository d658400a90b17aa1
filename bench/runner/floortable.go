package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
	"pitwall/bench/stack"
)

// FloorTable compares Pitwall with the servers of bench/baseline at one load,
// several times by turns. Its fields are flags of bench floor. A round is what
// --floor makes beside a run.
type FloorTable struct {
	Conns   int           `default:"2000" help:"Connections."`
	Events  int           `default:"1" help:"Events; connections and devices are spread over them evenly."`
	Devices int           `default:"200" help:"Devices."`
	Rate    int           `default:"40" help:"Records a second, over all devices."`
	Window  time.Duration `default:"100ms" help:"Least time between two flushes of an event."`
	Seconds int           `default:"5" help:"How long each server is measured."`
	Lowat   int           `default:"16384" help:"TCP_NOTSENT_LOWAT of the servers' sockets."`
	Loops   int           `default:"1" help:"Threads of the bare loops, for as many connections as one cannot write to within a window."`
	Shards  int           `default:"2" help:"Worker shards of the engine."`
	Writers int           `default:"2" help:"Writers of the engine."`
	Profile string        `help:"Write a CPU profile of the engine's process to this file."`
	Rounds  int           `default:"3" help:"How often each is measured, by turns."`
	Only    []string      `enum:"bare,prompt,engine,broadcaster" help:"Of bare, prompt, engine, broadcaster; all when not given."`
}

// engine is the kind that is Pitwall.
const engine = "engine"

// cost is what one server needed in one round.
type cost struct {
	perDelivery, user float64 // µs of processor time
	writes, bytes     float64 // per delivery
	delivered         float64 // percent of the positions
	between           float64 // ms between two writes to a connection
	why               []string
}

// check names flags that cannot be.
func (f *FloorTable) check() error {
	return flagcheck.First(
		flagcheck.AtLeast("loops", f.Loops, 1), flagcheck.AtLeast("rounds", f.Rounds, 1), flagcheck.AtLeast("seconds", f.Seconds, 1),
		rule(f.Devices < f.Events, "--devices is %d, at least is one for each of the %d of --events", f.Devices, f.Events),
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

// measure measures each kind by turns, and shows how far it is on w.
func (f *FloorTable) measure(ctx context.Context, w io.Writer, kinds ...string) (costs map[string][]cost, err error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	base := f.base(ctx, io.Discard)
	if err := base.plan.Check(); err != nil {
		return nil, err
	}
	base.binaries = new(stack.Binaries)
	defer func() {
		if cerr := base.binaries.Close(); err == nil {
			err = cerr
		}
	}()
	costs = map[string][]cost{}
	for i := range f.Rounds {
		for _, k := range kinds {
			r := base.another(k, k)
			if k != engine {
				r = base.with(k, k)
			}
			if err := r.do(); err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			c := r.cost()
			costs[k] = append(costs[k], c)
			fmt.Fprintf(w, "round %d of %d: %s, %.2f µs per delivery\n", i+1, f.Rounds, k, c.perDelivery)
			if err := f.keepProfile(r.out.Profile); err != nil {
				return nil, err
			}
		}
	}
	return costs, nil
}

// keepProfile gives a profile of the engine the name that was asked for.
func (f *FloorTable) keepProfile(list []report.Profile) error {
	for _, p := range list {
		if err := os.Rename(p.File, f.Profile); err != nil {
			return fmt.Errorf("save the profile: %w", err)
		}
	}
	return nil
}

// cost is what the server of a run needed.
func (r *run) cost() cost {
	f, c := r.out.Figures, r.out.Counts
	grown := r.sampler.last.metrics.Since(r.sampler.first.metrics)
	turns := grown.Sum("bench_turns_total") // of the bare loops; a full socket takes several writes a turn
	if turns == 0 {
		turns = grown.Sum("processor_live_writes_total")
	}
	length := r.sampler.last.at.Sub(r.sampler.first.at)
	all := float64(c.Deliveries)
	return cost{
		perDelivery: f["cpu_us_per_delivery"], user: f["user_us_per_delivery"],
		writes: f["writes_per_delivery"], bytes: f["bytes_per_delivery"],
		delivered: 100 * all / (all + float64(c.Gaps+r.out.Missing)),
		between:   float64(r.plan.Connections) * float64(length) / float64(time.Millisecond) / turns,
		why:       r.out.Why,
	}
}

// RatioToGWS is how many times the processor time of gws' Broadcaster Pitwall
// needs per delivery.
func (f *FloorTable) RatioToGWS(ctx context.Context, w io.Writer) (float64, error) {
	costs, err := f.measure(ctx, w, engine, "broadcaster")
	if err != nil {
		return 0, err
	}
	return median(costs[engine], cost.cpu) / median(costs["broadcaster"], cost.cpu), nil
}

func (c cost) cpu() float64 { return c.perDelivery }

// Print measures, shows how far it is on w, and writes the table to out.
func (f *FloorTable) Print(ctx context.Context, out, w io.Writer) error {
	kinds := f.Only
	if len(kinds) == 0 {
		kinds = []string{"bare", "prompt", engine, "broadcaster"}
	}
	costs, err := f.measure(ctx, w, kinds...)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d connections, %d events, %d devices, %d records/s, window %v: %.0f deliveries/s; %d CPUs, bare loops of %d; medians of %d, by turns\n\n",
		f.Conns, f.Events, f.Devices, f.Rate, f.Window, float64(f.Rate)*float64(f.Conns)/float64(f.Events), runtime.NumCPU(), f.Loops, f.Rounds)
	fmt.Fprintln(out, "|  | CPU µs per delivery | of it user | to bare | to prompt | µs per write | writes per delivery | bytes per delivery | delivered | ms between writes |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|---|")
	bare, prompt := median(costs["bare"], cost.cpu), median(costs["prompt"], cost.cpu)
	for _, k := range kinds {
		cs := costs[k]
		cpu := median(cs, cost.cpu)
		fmt.Fprintf(out, "| %s | %.2f | %.2f | %s | %s | %.2f | %.3f | %.0f | %.1f %% | %.0f |\n", k, cpu,
			median(cs, func(c cost) float64 { return c.user }), ratio(cpu, bare), ratio(cpu, prompt),
			median(cs, func(c cost) float64 { return c.perDelivery / c.writes }),
			median(cs, func(c cost) float64 { return c.writes }), median(cs, func(c cost) float64 { return c.bytes }),
			median(cs, func(c cost) float64 { return c.delivered }), median(cs, func(c cost) float64 { return c.between }))
	}
	for _, k := range kinds {
		if text := f.late(k, costs[k]); text != "" {
			fmt.Fprintln(out, "\n"+text)
		}
		for i, c := range costs[k] {
			for _, why := range c.why {
				fmt.Fprintf(out, "\nround %d of %s is NOT VALID: %s\n", i+1, k, why)
			}
		}
	}
	return nil
}

// late says that a bare loop has not kept the window, as it takes longer for
// one turn over its sockets. Then it writes more at a time and looks cheaper. It
// is "" for a loop that has kept it, and where records come too rarely for a
// write per window.
func (f *FloorTable) late(kind string, cs []cost) string {
	window := float64(f.Window) / float64(time.Millisecond)
	ms := median(cs, func(c cost) float64 { return c.between })
	if kind != "bare" && kind != "prompt" || float64(f.Rate)/float64(f.Events)*f.Window.Seconds() < 2 || ms <= 1.15*window {
		return ""
	}
	return fmt.Sprintf("%s does not keep the window: a socket is written to every %.0f ms, so its figure per delivery is too low; give it more --loops or fewer --conns", kind, ms)
}

// ratio is a/b, or a dash when there is no b.
func ratio(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// median is the middle of a value over the rounds, 0 without rounds.
func median(cs []cost, f func(cost) float64) float64 {
	v := make([]float64, len(cs))
	for i, c := range cs {
		v[i] = f(c)
	}
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}
