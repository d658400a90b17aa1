package runner

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"pitwall/bench/report"
	"pitwall/bench/scenario"
	"pitwall/bench/stack"
)

// Command says which scenario is run and how. Its fields are flags of bench run.
type Command struct {
	Scenario string `arg:"" help:"Scenario: see bench list."`
	scenario.Sizes

	Runs       int           `default:"1" help:"Number of runs, each with new servers."`
	JSON       string        `name:"json" placeholder:"FILE" help:"Write the report as JSON."`
	HTML       string        `name:"html" placeholder:"FILE" help:"Write the report as a page with plots."`
	Profile    []string      `enum:"cpu,heap,mutex,block,goroutine,trace" help:"Profiles of the engine to take in the steady phase: cpu, heap, mutex, block, goroutine, trace."`
	ProfileDir string        `placeholder:"DIR" help:"Folder for profiles. Default: that of the JSON report."`
	Ramp       string        `enum:",connections,rate" default:"" help:"Raise the connections or the rate in steps until the objective is missed, up to the value of the scenario."`
	From       int           `default:"500" help:"First step of a ramp."`
	Grow       float64       `default:"1.5" help:"Factor from one step of a ramp to the next."`
	Step       time.Duration `default:"4s" help:"Length of a step of a ramp."`
	P99        time.Duration `name:"p99" default:"250ms" help:"Objective of a ramp: maximum p99 latency."`
	MaxCPU     float64       `name:"max-cpu" help:"Objective of a ramp: maximum CPU time of the engine, in cores. 0: no limit."`

	AgainstNone bool   `help:"After each run make the same run with the archive off, and report what the archive costs the live path."`
	Peer        string `enum:",nats,centrifuge,hub,bare,prompt,broadcaster" default:"" help:"Measure another server in Pitwall's place: nats, centrifuge or hub (see bench/peers); bare, prompt or broadcaster (see bench/baseline)."`
	Floor       bool   `help:"After each run make the same run with a bare loop and with gws' Broadcaster in Pitwall's place, and report ratios to them."`

	Target       string   `placeholder:"URL" help:"Measure an installation that runs: ws://host:port/live or wss://host/live. It needs the roster that --roster-csv writes."`
	TargetCA     string   `name:"target-ca" placeholder:"FILE" help:"Certificates, in PEM, that the target's is checked with. Default: those of the system."`
	Token        string   `placeholder:"TOKEN" help:"Token of all spectators at the target."`
	TokenCommand string   `placeholder:"COMMAND" help:"Shell command that prints tokens, one per line; the spectators use them by turns."`
	Redis        string   `default:"redis://127.0.0.1:6379" help:"Redis of the target."`
	Ops          string   `placeholder:"HOST:PORT" help:"Private listener of the target, for figures that need its metrics."`
	PID          int      `name:"pid" help:"Process id of the target, if it is on this machine."`
	RosterCSV    string   `name:"roster-csv" placeholder:"FILE" help:"Write the roster that the scenario needs, and exit."`
	Stream       string   `default:"telemetry:t" help:"Key of the stream."`
	Dialect      string   `enum:"pitwall,plain,centrifuge,nats" default:"pitwall" help:"How clients subscribe at the target: pitwall, plain, centrifuge or nats."`
	EngineArg    []string `placeholder:"FLAG" help:"Additional flag of pitwall serve, for example --engine-arg=--live-writers=4."`

	baselineArgs []string        // more flags of a server of bench/baseline
	binaries     *stack.Binaries // that Measure must not remove; nil: it has its own
}

// Measure makes the runs and writes their progress to w. After an error, the report
// has the runs that were complete; it is nil if there are none.
func (c *Command) Measure(ctx context.Context, w io.Writer) (*report.Report, error) {
	sc, err := scenario.Find(c.Scenario)
	if err != nil {
		return nil, err
	}
	p := sc.Plan
	c.Apply(&p)
	if err := c.check(sc, &p); err != nil {
		return nil, err
	}
	if c.RosterCSV != "" {
		return nil, stack.WriteRoster(c.RosterCSV, roster(&p))
	}
	if c.Ramp != "" {
		p.Duration = c.Step
	}
	binaries := cmp.Or(c.binaries, new(stack.Binaries))
	rep := &report.Report{Scenario: sc.Name, About: sc.About, Started: time.Now(), Machine: machine(),
		Command: "go run ./bench " + strings.Join(os.Args[1:], " "), Settings: append(p.Settings(), c.settings()...)}
	for i := range c.Runs {
		r := newRun(ctx, c, sc, p, w)
		r.ident, r.binaries = fmt.Sprintf("%s-%s-%d", sc.Name, rep.Started.Format("20060102-150405"), i+1), binaries
		if c.Runs > 1 {
			r.progress.prefix = fmt.Sprintf("run %d of %d: ", i+1, c.Runs)
		}
		if err = c.once(r, rep); err != nil {
			break
		}
	}
	if c.binaries == nil {
		err = errors.Join(err, binaries.Close())
	}
	if err != nil {
		return c.cutShort(rep, err)
	}
	return rep, nil
}

// once makes a run and those that belong to it. A run that was measured to its end is
// in the report even if something fails after that.
func (c *Command) once(r *run, rep *report.Report) error {
	name := r.scenario.Name
	err := r.do()
	if r.out.Figures == nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	defer func() { rep.Runs = append(rep.Runs, *r.out) }()
	if err != nil {
		return fmt.Errorf("end the run of %s: %w", name, err)
	}
	if c.Floor {
		if err := r.floor(); err != nil {
			return fmt.Errorf("run the floor of %s: %w", name, err)
		}
	}
	if c.AgainstNone {
		other, err := r.withoutArchive()
		if other.Figures != nil {
			rep.Without = append(rep.Without, *other)
		}
		if err != nil {
			return fmt.Errorf("run %s without the archive: %w", name, err)
		}
	}
	return nil
}

// cutShort returns the report after an error, and the error with the number of
// complete runs.
func (c *Command) cutShort(rep *report.Report, err error) (*report.Report, error) {
	n := len(rep.Runs)
	switch {
	case n == 0 && c.Runs == 1:
		return nil, err
	case n == 0:
		return nil, fmt.Errorf("no run is complete, so there is no report: %w", err)
	}
	rep.CutShort = fmt.Sprintf("%d of %s complete", n, report.Count(c.Runs, "run"))
	reason, _, _ := strings.Cut(err.Error(), "\n")
	err = fmt.Errorf("%s and reported, then: %w", rep.CutShort, err)
	rep.CutShort += ": " + reason
	return rep, err
}

// settings are the flags besides the plan that influence the figures.
func (c *Command) settings() (list []report.Setting) {
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

// Write writes the files that the flags ask for.
func (c *Command) Write(rep *report.Report) error {
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
