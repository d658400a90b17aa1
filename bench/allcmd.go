package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"pitwall/bench/report"
	"pitwall/bench/runner"
	"pitwall/bench/scenario"
)

// allCmd runs scenarios one after the other.
type allCmd struct {
	Names []string `arg:"" optional:"" help:"Scenarios of bench list, or start-line. Default: all."`
	Runs  int      `default:"3" help:"Number of runs of each."`
	JSON  string   `name:"json" placeholder:"DIR" help:"Write each report to this folder, as NAME.json."`
	Floor bool     `help:"With --floor, for scenarios of fan-out alone."`
}

// suiteRun is a run of bench all: arguments of bench run.
type suiteRun struct {
	name string
	args []string
}

// suite lists all scenarios. The longest ones get a shorter duration.
func suite() (list []suiteRun) {
	short := map[string][]string{"flood": {"--duration=7s"}, "soak": {"--duration=65s"}}
	for _, s := range scenario.All() {
		list = append(list, suiteRun{s.Name, append([]string{s.Name}, short[s.Name]...)})
		if s.Name == "herd" {
			list = append(list, suiteRun{"start-line", []string{s.Name, "--start-line", "--over=20s", "--duration=25s"}})
		}
	}
	return list
}

// chosen are the runs that were named, or all if none was.
func (c *allCmd) chosen() ([]suiteRun, error) {
	list := suite()
	if len(c.Names) == 0 {
		return list, nil
	}
	for _, n := range c.Names {
		if !slices.ContainsFunc(list, func(s suiteRun) bool { return s.name == n }) {
			return nil, fmt.Errorf("there is no scenario %q: see bench list", n)
		}
	}
	return slices.DeleteFunc(list, func(s suiteRun) bool { return !slices.Contains(c.Names, s.name) }), nil
}

// Run makes the runs and prints a table. If a scenario fails, the others are run
// nevertheless, and the command fails.
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
	return cmp.Or(interrupted(ctx, err), requireValid(reports...))
}

func (c *allCmd) measure(ctx context.Context, list []suiteRun, progress io.Writer) (reports []*report.Report, err error) {
	if c.JSON != "" {
		if err := os.MkdirAll(c.JSON, 0o755); err != nil {
			return nil, fmt.Errorf("make the folder for reports: %w", err)
		}
	}
	var errs []error
	for i, t := range list {
		if ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("not started: %s", names(list[i:])))
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

// names lists the names of the runs.
func names(list []suiteRun) string {
	var all []string
	for _, t := range list {
		all = append(all, t.name)
	}
	return strings.Join(all, ", ")
}

// one runs a scenario and writes its report. After an error the report has the runs
// that were complete.
func (c *allCmd) one(ctx context.Context, t suiteRun, progress io.Writer) (*report.Report, error) {
	run, err := parseRun(append(t.args, fmt.Sprintf("--runs=%d", c.Runs)))
	if err != nil {
		return nil, err
	}
	if c.JSON != "" {
		run.JSON = filepath.Join(c.JSON, t.name+".json")
	}
	run.Floor = c.Floor && run.CanFloor()
	rep, err := run.Measure(ctx, progress)
	if rep == nil {
		return nil, err
	}
	rep.Command = "go run ./bench " + strings.Join(t.args, " ") + fmt.Sprintf(" --runs=%d", c.Runs)
	rep.Name = t.name
	return rep, errors.Join(err, run.Write(rep), rep.Promises())
}

// parseRun is bench run with these arguments.
func parseRun(args []string) (*runner.Command, error) {
	c := new(runner.Command)
	p, err := kong.New(c)
	if err != nil {
		return nil, err
	}
	_, err = p.Parse(args)
	return c, err
}
