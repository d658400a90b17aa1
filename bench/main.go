package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"pitwall/bench/runner"
)

type cli struct {
	Run     runCmd     `cmd:"" default:"withargs" help:"Run a scenario and report (the default)."`
	All     allCmd     `cmd:"" help:"Run the scenarios one after the other, several times each, and print a table: what this machine does."`
	List    listCmd    `cmd:"" help:"The scenarios, what they stand for, and their sizes."`
	Compare compareCmd `cmd:"" help:"What has changed between two reports, beyond the noise. Fails when something got worse."`
	Floor   floorCmd   `cmd:"" help:"Fan-out against a bare loop and a plain broadcaster."`
	Clocks  clocksCmd  `cmd:"" help:"A race in which clocks are ahead, behind, stepping and rolling over. Fails when a screen does not tell the truth."`
}

func main() {
	if ok, err := runner.PlayRole(); ok {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: a process of a run:", err)
			os.Exit(1)
		}
		return
	}
	var c cli
	ctx := kong.Parse(&c, kong.Name("bench"), kong.Description("Measures Pitwall on this machine."), kong.ShortUsageOnError())
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
