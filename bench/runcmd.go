package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/bench/report"
)

// runCmd runs a scenario.
type runCmd struct {
	Scenario string `arg:"" help:"One of bench list."`
	sizes

	Runs       int           `default:"1" help:"How often, each time with everything new."`
	JSON       string        `name:"json" placeholder:"FILE" help:"Write the report for machines."`
	HTML       string        `name:"html" placeholder:"FILE" help:"Write the report as one page with plots."`
	Profile    []string      `enum:"cpu,heap,mutex,block,goroutine,trace" help:"Profiles of the engine to take in the steady phase: cpu, heap, mutex, block, goroutine, trace."`
	ProfileDir string        `placeholder:"DIR" help:"Where profiles are saved. Default: beside the JSON report."`
	Ramp       string        `enum:",connections,rate" default:"" help:"Raise the connections or the rate in steps, up to the scenario's size, until the objective breaks."`
	From       int           `default:"500" help:"Where a ramp begins."`
	Grow       float64       `default:"1.5" help:"From one step of a ramp to the next."`
	Step       time.Duration `default:"4s" help:"How long a step of a ramp is measured."`
	P99        time.Duration `name:"p99" default:"250ms" help:"The objective of a ramp."`
	MaxCPU     float64       `name:"max-cpu" help:"And how many cores the engine may use. 0: all."`

	AgainstNone bool   `help:"Beside each run make one with the archive off, by turns, all else the same, and say what the archive costs the live path."`
	Peer        string `enum:",nats,centrifuge,hub,bare,broadcaster" default:"" help:"Measure another server in Pitwall's place: nats, centrifuge or hub (see bench/peers), bare or broadcaster (see bench/baseline)."`
	Floor       bool   `help:"After each run the same again with a bare loop, and with gws' Broadcaster, in Pitwall's place; what it costs as ratios to them."`

	Target    string   `placeholder:"URL" help:"An installation that runs: ws://host:port/live. It needs the roster that --roster-csv writes."`
	Redis     string   `default:"redis://127.0.0.1:6379" help:"The Redis of the target."`
	Ops       string   `placeholder:"HOST:PORT" help:"The target's private listener, for what only it can tell."`
	PID       int      `name:"pid" help:"The target's process, if it is on this machine."`
	RosterCSV string   `name:"roster-csv" placeholder:"FILE" help:"Write the roster that the scenario needs, and end."`
	Stream    string   `default:"telemetry:t" help:"Stream key."`
	Dialect   string   `enum:"pitwall,plain,centrifuge,nats" default:"pitwall" help:"How clients subscribe at the target: pitwall, plain, centrifuge or nats."`
	EngineArg []string `placeholder:"FLAG" help:"A further flag of pitwall serve, as --engine-arg=--live-writers=4."`
}

// Run makes the runs and writes the reports, after an error that of the runs
// that were complete. Promises broken to spectators make it fail.
func (c *runCmd) Run() error {
	ctx, stop := untilStopped()
	defer stop()
	rep, err := c.measure(ctx, os.Stderr)
	if err = interrupted(ctx, err); rep == nil {
		return err
	}
	err = errors.Join(err, c.write(rep), rep.Promises())
	report.Text(os.Stdout, rep) // behind the files: the terminal may be gone
	return err
}

// measure makes the runs. After an error the report is that of the runs that
// were complete, nil for none.
func (c *runCmd) measure(ctx context.Context, progress io.Writer) (*report.Report, error) {
	sc, err := find(c.Scenario)
	if err != nil {
		return nil, err
	}
	p := sc.plan
	c.apply(&p)
	if err := c.check(sc, &p); err != nil {
		return nil, err
	}
	if c.RosterCSV != "" {
		return nil, c.writeRoster(&p)
	}
	if c.Ramp != "" {
		p.Duration = c.Step
	}
	rep := &report.Report{Scenario: sc.name, About: sc.about, Started: time.Now(), Machine: machine(),
		Command: "go run ./bench " + strings.Join(os.Args[1:], " "), Settings: append(p.settings(), c.settings()...)}
	for i := range c.Runs {
		r := &run{ctx: ctx, sc: sc, plan: p, opt: c, say: &teller{w: progress}, out: new(report.Run),
			ident: fmt.Sprintf("%s-%s-%d", sc.name, rep.Started.Format("20060102-150405"), i+1)}
		if c.Runs > 1 {
			r.say.prefix = fmt.Sprintf("run %d of %d: ", i+1, c.Runs)
		}
		if err := c.once(r, rep); err != nil {
			return c.cutShort(rep, err)
		}
	}
	return rep, nil
}

// settings are what else the figures depend on.
func (c *runCmd) settings() (list []report.Setting) {
	if c.Ramp != "" {
		list = append(list, report.Setting{Name: "ramp", Value: fmt.Sprintf("%s from %d, %g times as many each step", c.ramped(), c.From, c.Grow)})
	}
	if c.Peer != "" {
		list = append(list, report.Setting{Name: "peer", Value: c.Peer})
	}
	for _, arg := range c.EngineArg {
		list = append(list, report.Setting{Name: "engine-arg", Value: arg})
	}
	return list
}

// write writes the files that were asked for.
func (c *runCmd) write(rep *report.Report) error {
	for _, out := range []struct {
		file  string
		write func(io.Writer, *report.Report) error
	}{{c.JSON, report.Write}, {c.HTML, report.HTML}} {
		if out.file == "" {
			continue
		}
		var b bytes.Buffer
		if err := out.write(&b, rep); err != nil {
			return err
		}
		if err := os.WriteFile(out.file, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}

// writeRoster writes the roster that an installation needs.
func (c *runCmd) writeRoster(p *plan) error {
	var b bytes.Buffer
	b.WriteString("event_id,entry_id,device_id\n")
	for _, e := range p.roster() {
		fmt.Fprintf(&b, "%s,%s,%s\n", e.Event, e.Entry, e.Device)
	}
	if err := os.WriteFile(c.RosterCSV, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the roster: %w", err)
	}
	return nil
}

// machine is what this is run on.
func machine() report.Machine {
	m := report.Machine{CPUs: runtime.NumCPU(), Go: runtime.Version()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	m.Model = after("/proc/cpuinfo", "model name")
	kb, _ := strconv.ParseInt(strings.TrimSuffix(after("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	m.MemoryMB = kb / 1024
	return m
}

// after returns what follows a name and a colon in a file of /proc.
func after(file, name string) string {
	b, _ := os.ReadFile(file)
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
