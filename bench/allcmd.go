package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pitwall/bench/report"
)

// allCmd runs scenarios one after the other.
type allCmd struct {
	Names []string `arg:"" optional:"" help:"Of bench list, or start-line. Default: all."`
	Runs  int      `default:"3" help:"How often each."`
	JSON  string   `name:"json" placeholder:"DIR" help:"Write each report there, as NAME.json."`
	Floor bool     `help:"With the floor, where a scenario is of fan-out alone."`
}

// tour is one of the runs of all: a command line of bench run.
type tour struct {
	name string
	args []string
}

// tours are all scenarios, at sizes at which each takes a minute at most.
func tours() (list []tour) {
	short := map[string][]string{"flood": {"--duration=7s"}, "soak": {"--duration=65s"}}
	for _, s := range scenarios() {
		list = append(list, tour{s.name, append([]string{s.name}, short[s.name]...)})
		if s.name == "herd" {
			list = append(list, tour{"start-line", []string{s.name, "--start-line", "--over=20s", "--duration=25s"}})
		}
	}
	return list
}

// chosen are the tours that were named.
func (c *allCmd) chosen() ([]tour, error) {
	list := tours()
	if len(c.Names) == 0 {
		return list, nil
	}
	for _, n := range c.Names {
		if !slices.ContainsFunc(list, func(t tour) bool { return t.name == n }) {
			return nil, fmt.Errorf("there is no scenario %q: see bench list", n)
		}
	}
	return slices.DeleteFunc(list, func(t tour) bool { return !slices.Contains(c.Names, t.name) }), nil
}

// Run makes the runs and prints a table. A scenario that fails does not keep
// the others from being run, but makes the command fail.
func (c *allCmd) Run() error {
	ctx, stop := untilStopped()
	defer stop()
	list, err := c.chosen()
	if err != nil {
		return err
	}
	reports, err := c.measure(ctx, list, os.Stderr)
	if len(reports) > 0 {
		report.Markdown(os.Stdout, reports)
	}
	return interrupted(ctx, err)
}

func (c *allCmd) measure(ctx context.Context, list []tour, progress io.Writer) (reports []*report.Report, err error) {
	if c.JSON != "" {
		if err := os.MkdirAll(c.JSON, 0o755); err != nil {
			return nil, fmt.Errorf("make the folder for reports: %w", err)
		}
	}
	var errs []error
	for i, t := range list {
		if ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("not begun: %s", names(list[i:])))
			break
		}
		fmt.Fprintf(progress, "== %s\n", t.name)
		rep, err := c.one(ctx, t, progress)
		if rep != nil {
			reports = append(reports, rep)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.name, err))
		}
	}
	return reports, errors.Join(errs...)
}

// names are those of tours.
func names(list []tour) string {
	var all []string
	for _, t := range list {
		all = append(all, t.name)
	}
	return strings.Join(all, ", ")
}

// one runs one scenario and writes its report, after an error that of the runs
// that were complete.
func (c *allCmd) one(ctx context.Context, t tour, progress io.Writer) (*report.Report, error) {
	run, err := parseRun(append(t.args, fmt.Sprintf("--runs=%d", c.Runs)))
	if err != nil {
		return nil, err
	}
	if c.JSON != "" {
		run.JSON = filepath.Join(c.JSON, t.name+".json")
	}
	if sc, err := find(run.Scenario); err == nil && c.Floor {
		run.Floor = run.canFloor(sc, &sc.plan) == nil
	}
	rep, err := run.measure(ctx, progress)
	if rep == nil {
		return nil, err
	}
	rep.Command = "go run ./bench " + strings.Join(t.args, " ") + fmt.Sprintf(" --runs=%d", c.Runs)
	rep.Name = t.name
	return rep, errors.Join(err, run.write(rep), rep.Promises())
}

// parseRun is bench run with its defaults and what a command line says.
func parseRun(args []string) (*runCmd, error) {
	c, err := parse(append([]string{"run"}, args...)...)
	if err != nil {
		return nil, err
	}
	return &c.Run, nil
}
