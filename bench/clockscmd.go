package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"pitwall/bench/clocks"
	"pitwall/bench/runner"
)

// clocksCmd runs a race with wrong clocks.
type clocksCmd struct{ clocks.Options }

// Help is the text of bench clocks --help besides the flags.
func (c *clocksCmd) Help() string {
	return "Kinds of clocks: " + strings.Join(clocks.Names(), ", ") + ". See bench/README.md for what is checked."
}

// Run makes the race and prints the result. It fails if a screen showed something
// wrong.
func (c *clocksCmd) Run() error {
	if err := c.Check(); err != nil {
		return err
	}
	ctx, stop := untilStopped()
	defer stop()
	c.Patience, c.Say = 20*time.Second, runner.NewProgress(os.Stderr)
	res, err := clocks.Run(ctx, c.Options)
	if err != nil {
		return interrupted(ctx, err)
	}
	res.Print(os.Stdout)
	if n := res.Violations(); n > 0 {
		return fmt.Errorf("screens were wrong %d times", n)
	}
	return nil
}
