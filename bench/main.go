package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/alecthomas/kong"

	"pitwall/bench/report"
	"pitwall/bench/runner"
)

type cli struct {
	Run     runCmd     `cmd:"" default:"withargs" help:"Run a scenario and print a report (default)."`
	All     allCmd     `cmd:"" help:"Run the scenarios one after the other, several times each, and print a table."`
	List    listCmd    `cmd:"" help:"List the scenarios and their parameters."`
	Compare compareCmd `cmd:"" help:"Show what has changed between two reports beyond the noise. Fails if something got worse."`
	Floor   floorCmd   `cmd:"" help:"Compare fan-out with a bare loop and a simple broadcaster."`
	Clocks  clocksCmd  `cmd:"" help:"Run a race with clocks that are ahead, behind, stepping or rolling over. Fails if a screen is wrong."`
}

// Exit codes, apart from 0.
const (
	exitFailed   = 1 // something failed, got worse, or a promise to spectators was broken
	exitUsage    = 2 // the command line is wrong; nothing was done
	exitNotValid = 3 // a run was not valid: its figures say nothing
)

// errNotValid is the error of a command whose runs, or those that it compares, were not
// all valid.
var errNotValid = errors.New("not every run was valid: see the report for the reasons")

func main() {
	if ok, err := runner.PlayRole(); ok {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: a process of a run:", err)
			os.Exit(exitFailed)
		}
		return
	}
	var c cli
	parser := kong.Must(&c, kong.Name("bench"), kong.Description("Measures Pitwall on this machine."), kong.ShortUsageOnError())
	ctx, err := parser.Parse(os.Args[1:])
	if err != nil {
		parser.Exit = func(int) { os.Exit(exitUsage) }
		parser.FatalIfErrorf(err)
	}
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(exitCode(err))
	}
}

func exitCode(err error) int {
	if errors.Is(err, errNotValid) {
		return exitNotValid
	}
	return exitFailed
}

// requireValid returns errNotValid unless every run of the reports was valid.
func requireValid(reports ...*report.Report) error {
	for _, rep := range reports {
		if slices.ContainsFunc(rep.Runs, func(r report.Run) bool { return !r.Valid }) {
			return errNotValid
		}
	}
	return nil
}
