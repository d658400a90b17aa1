package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"pitwall/bench/clocks"
	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/runner"
)

// clocksCmd runs a race in which clocks are wrong.
type clocksCmd struct {
	Duration   time.Duration `default:"1h" help:"Of the race. From 5m on clocks fall back as well, which takes minutes to be found out."`
	Every      time.Duration `default:"1s" help:"Between two records of a device."`
	Leg        time.Duration `default:"1m" help:"Publishing stops after so long, and every screen has to be exact."`
	Devices    int           `default:"1" help:"Of each kind of clock on each stream."`
	Spectators int           `default:"6" help:"Of each stream. They watch in six ways by turns: plain, batch, interval, compressed, returning, and compressed with an interval."`
	Allow      time.Duration `default:"1s" help:"What delivery may take longer than that of devices whose clocks are right, before a dot counts as behind."`
	Kinds      []string      `placeholder:"KIND" help:"Kinds of clocks that take part. Default: all."`
	Streams    []string      `placeholder:"STREAM" help:"Clocks of Redis servers: true, steps, lags, leads. Default: all, each with a stack of its own."`
	Steady     bool          `help:"The engines are not restarted."`
	StepsAt    float64       `default:"0.55" help:"When the server's clock steps back, as a fraction of the race. Earlier, it does so while backlogs come and clocks are corrected."`
	EngineArg  []string      `placeholder:"FLAG" help:"A further flag of pitwall serve."`
}

// Help is what bench clocks --help says besides the flags.
func (c *clocksCmd) Help() string {
	return "Kinds of clocks: " + strings.Join(clocks.Names(), ", ") + ". See bench/README.md for what is checked."
}

// check names flags that cannot be.
func (c *clocksCmd) check() error {
	named := func(flag string, names, all []string) flagcheck.Rule {
		return flagcheck.Rule{Broken: !known(names, all),
			Text: fmt.Sprintf("--%s is %s, wanted are some of %s", flag, strings.Join(names, ","), strings.Join(all, ", "))}
	}
	return flagcheck.First(
		flagcheck.AtLeast("duration", c.Duration, 10*time.Second), flagcheck.AtLeast("every", c.Every, 10*time.Millisecond),
		flagcheck.AtLeast("leg", c.Leg, time.Second), flagcheck.AtLeast("devices", c.Devices, 1),
		flagcheck.AtLeast("spectators", c.Spectators, 1), flagcheck.AtLeast("allow", c.Allow, 0),
		flagcheck.Rule{Broken: c.StepsAt < 0 || c.StepsAt > 1, Text: fmt.Sprintf("--steps-at is %v, wanted is a fraction from 0 to 1", c.StepsAt)},
		named("kinds", c.Kinds, clocks.Names()), named("streams", c.Streams, clocks.StreamNames()),
	)
}

// known reports whether all of the names are among those there are.
func known(names, all []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(all, n) })
}

// Run makes the race and prints what was seen. It fails when any screen showed
// something wrong.
func (c *clocksCmd) Run() error {
	if err := c.check(); err != nil {
		return err
	}
	ctx, stop := untilStopped()
	defer stop()
	res, err := clocks.Run(ctx, clocks.Options{
		Duration: c.Duration, Every: c.Every, Leg: c.Leg, Devices: c.Devices, Spectators: c.Spectators,
		Allow: c.Allow, Patience: 20 * time.Second, Kinds: c.Kinds, Streams: c.Streams, Steady: c.Steady, StepsAt: c.StepsAt, EngineArgs: c.EngineArg, Say: runner.NewProgress(os.Stderr),
	})
	if err != nil {
		return interrupted(ctx, err)
	}
	res.Print(os.Stdout)
	if n := res.Violations(); n > 0 {
		return fmt.Errorf("%d times a screen did not tell the truth", n)
	}
	return nil
}
