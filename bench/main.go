package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"

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
