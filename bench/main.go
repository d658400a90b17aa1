package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

type cli struct {
	Floor floorCmd `cmd:"" help:"Fan-out against a bare loop and a plain broadcaster."`
	Role  roleCmd  `cmd:"" hidden:"" help:"One of the processes of a measurement."`
}

func main() {
	var c cli
	ctx := kong.Parse(&c, kong.Name("bench"), kong.Description("Measures Pitwall on this machine."), kong.UsageOnError())
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
