package baseline

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Cmd compares the ways to fan out.
type Cmd struct {
	load
	Rounds int      `default:"3" help:"How often each is measured, interleaved."`
	Only   []string `enum:"bare,prompt,engine,broadcaster" help:"Of bare, prompt, engine, broadcaster; all when not given."`
}

// measure measures each kind by turns, and tells how far it is on standard error:
// a table of four kinds takes minutes.
func (f *Cmd) measure(kinds ...string) (map[string][]result, error) {
	results := map[string][]result{}
	for i := range f.Rounds {
		for _, k := range kinds {
			r, err := f.once(k)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			results[k] = append(results[k], r)
			fmt.Fprintf(os.Stderr, "round %d of %d: %s, %.2f µs per delivery\n", i+1, f.Rounds, k, cpuPer(r))
		}
	}
	return results, nil
}

// RatioToGWS is how many times the processor time of gws' Broadcaster the
// engine needs per delivery.
func (f *Cmd) RatioToGWS() (float64, error) {
	results, err := f.measure("engine", "broadcaster")
	if err != nil {
		return 0, err
	}
	return median(results["engine"], cpuPer) / median(results["broadcaster"], cpuPer), nil
}

// Run measures and prints the table.
func (f *Cmd) Run() error {
	switch {
	case f.Loops < 1:
		return fmt.Errorf("--loops is %d, at least is 1", f.Loops)
	case f.Devices < f.Events:
		return fmt.Errorf("--devices is %d, at least is one for each of the %d of --events", f.Devices, f.Events)
	}
	kinds := f.Only
	if len(kinds) == 0 {
		kinds = []string{"bare", "prompt", "engine", "broadcaster"}
	}
	results, err := f.measure(kinds...)
	if err != nil {
		return err
	}
	fmt.Printf("%d connections, %d events, %d devices, %d records/s, window %v: %.0f deliveries/s; %d CPUs, bare loops of %d; medians of %d, by turns\n\n",
		f.Conns, f.Events, f.Devices, f.Rate, f.Window, f.deliveries(), runtime.NumCPU(), f.Loops, f.Rounds)
	fmt.Println("|  | CPU µs per delivery | of it user | to bare | to prompt | µs per write | writes per delivery | bytes per delivery | delivered | ms between writes |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	bare, prompt := median(results["bare"], cpuPer), median(results["prompt"], cpuPer)
	for _, k := range kinds {
		rs := results[k]
		cpu := median(rs, cpuPer)
		fmt.Printf("| %s | %.2f | %.2f | %s | %s | %.2f | %.3f | %.0f | %.1f %% | %.0f |\n", k, cpu,
			median(rs, func(r result) float64 { return micros(r.User.Seconds(), r.Deliveries) }), ratio(cpu, bare), ratio(cpu, prompt),
			median(rs, func(r result) float64 { return micros((r.User + r.Sys).Seconds(), r.Writes) }),
			median(rs, func(r result) float64 { return r.Writes / r.Deliveries }),
			median(rs, func(r result) float64 { return r.Bytes / r.Deliveries }),
			median(rs, func(r result) float64 { return 100 * r.Deliveries / (f.deliveries() * float64(f.Seconds)) }),
			median(rs, f.between))
	}
	for _, k := range []string{"bare", "prompt"} {
		if said := f.late(k, results[k]); said != "" {
			fmt.Println("\n" + said)
		}
	}
	return nil
}

// ratio is a/b, or a dash when there is no b.
func ratio(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func micros(seconds, n float64) float64 { return seconds * 1e6 / n }

func cpuPer(r result) float64 { return micros((r.User + r.Sys).Seconds(), r.Deliveries) }

func median(rs []result, f func(result) float64) float64 {
	v := make([]float64, len(rs))
	for i, r := range rs {
		v[i] = f(r)
	}
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// child is a process of the measurement and its lines.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (f *Cmd) start(args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, append(append([]string{"role"}, args...), f.args()...)...)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	return c, c.cmd.Start()
}

func (c *child) line() (string, error) {
	s, err := c.out.ReadString('\n')
	return strings.TrimSpace(s), err
}

func (c *child) end() {
	_ = c.in.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// once measures one kind of server with a fresh swarm.
func (f *Cmd) once(kind string) (r result, err error) {
	server, err := f.start(kind)
	if err != nil {
		return r, err
	}
	defer server.end()
	addr, err := server.line()
	if err != nil {
		return r, fmt.Errorf("start the server: %w", err)
	}
	clients, err := f.start("swarm", "--addr="+addr)
	if err != nil {
		return r, err
	}
	defer clients.end()
	if word, err := clients.line(); err != nil || word != "connected" {
		return r, fmt.Errorf("the swarm said %q: %v", word, err)
	}
	if _, err := fmt.Fprintln(server.in, "go"); err != nil {
		return r, err
	}
	line, err := server.line()
	if err != nil {
		return r, fmt.Errorf("the server's result: %w", err)
	}
	return r, json.Unmarshal([]byte(line), &r)
}
