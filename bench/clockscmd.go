package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"pitwall/bench/clocks"
	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/runner"
)

// clocksCmd runs a race with wrong clocks.
type clocksCmd struct {
	Duration   time.Duration `default:"1h" help:"Duration of the race. From 5m, clocks fall back as well, which takes minutes to be detected."`
	Every      time.Duration `default:"1s" help:"Time between two records of a device."`
	Leg        time.Duration `default:"1m" help:"Time after which publishing stops and every screen must be exact."`
	Devices    int           `default:"1" help:"Devices of each kind of clock per stream."`
	Spectators int           `default:"6" help:"Spectators per stream. They watch in six ways in turn: plain, batch, interval, compressed, returning, and compressed with an interval."`
	Allow      time.Duration `default:"1s" help:"How much longer delivery may take than for devices with right clocks, before a dot counts as behind."`
	Kinds      []string      `placeholder:"KIND" help:"Kinds of clocks that take part. Default: all."`
	Streams    []string      `placeholder:"STREAM" help:"Clocks of Redis servers: true, steps, lags, leads. Default: all, each with its own stack."`
	Steady     bool          `help:"Do not restart the engines."`
	StepsAt    float64       `default:"0.55" help:"When the server's clock steps back, as a fraction of the race. If earlier, it steps while backlogs arrive and clocks are corrected."`
	EngineArg  []string      `placeholder:"FLAG" help:"Additional flag of pitwall serve."`
}

// Help is the text of bench clocks --help besides the flags.
func (c *clocksCmd) Help() string {
	return "Kinds of clocks: " + strings.Join(clocks.Names(), ", ") + ". See bench/README.md for what is checked."
}

// check returns an error for flags that make no sense.
func (c *clocksCmd) check() error {
	among := func(flag string, names, all []string) error {
		unknown := slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(all, n) })
		return flagcheck.Reject(unknown, "--%s is %s, possible values are %s", flag, strings.Join(names, ","), strings.Join(all, ", "))
	}
	return cmp.Or(
		flagcheck.AtLeast("duration", c.Duration, 10*time.Second), flagcheck.AtLeast("every", c.Every, 10*time.Millisecond),
		flagcheck.AtLeast("leg", c.Leg, time.Second), flagcheck.AtLeast("devices", c.Devices, 1),
		flagcheck.AtLeast("spectators", c.Spectators, 1), flagcheck.AtLeast("allow", c.Allow, 0),
		flagcheck.Reject(c.StepsAt < 0 || c.StepsAt > 1, "--steps-at is %v, it must be from 0 to 1", c.StepsAt),
		among("kinds", c.Kinds, clocks.Names()), among("streams", c.Streams, clocks.StreamNames()),
	)
}

// Run makes the race and prints the result. It fails if a screen showed something
// wrong.
func (c *clocksCmd) Run() error {
	if err := c.check(); err != nil {
		return err
	}
	ctx, stop := untilStopped()
	defer stop()
	res, err := clocks.Run(ctx, clocks.Options{
		Duration: c.Duration, Every: c.Every, Leg: c.Leg, Devices: c.Devices, Spectators: c.Spectators,
		Allow: c.Allow, Patience: 20 * time.Second, Kinds: c.Kinds, Streams: c.Streams, Steady: c.Steady, StepsAt: c.StepsAt,
		EngineArgs: c.EngineArg, Say: runner.NewProgress(os.Stderr),
	})
	if err != nil {
		return interrupted(ctx, err)
	}
	res.Print(os.Stdout)
	if n := res.Violations(); n > 0 {
		return fmt.Errorf("screens were wrong %d times", n)
	}
	return nil
}
