package clocks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/stack"
)

// Options say how long the race lasts and what takes part. The tags make them flags of
// bench clocks.
type Options struct {
	Duration   time.Duration `default:"1h" help:"Duration of the race. From 5m, clocks fall back as well, which takes minutes to be detected."`
	Every      time.Duration `default:"1s" help:"Time between two records of a device."`
	Leg        time.Duration `default:"1m" help:"Time after which publishing stops and every screen must be exact."`
	Devices    int           `default:"1" help:"Devices of each kind of clock per stream."`
	Spectators int           `default:"6" help:"Spectators per stream. They watch in six ways in turn: plain, batch, interval, compressed, returning, and compressed with an interval."`
	Allow      time.Duration `default:"1s" help:"Delivery time allowed on top of that of the reference devices, before a dot counts as lagging."`
	Kinds      []string      `placeholder:"KIND" help:"Kinds of clocks that take part. Default: all."`
	Streams    []string      `placeholder:"STREAM" help:"Clocks of Redis servers: true, steps, lags, leads. Default: all, each with its own stack."`
	Steady     bool          `help:"Do not restart the engines."`
	StepsAt    float64       `default:"0.55" help:"When the server's clock steps back, as a fraction of the race. If earlier, it steps while backlogs arrive and clocks are corrected."`
	EngineArgs []string      `name:"engine-arg" placeholder:"FLAG" help:"Additional flag of pitwall serve."`
	// Patience is how long screens may take to catch up after a leg.
	Patience time.Duration `kong:"-"`
	// Say reports what begins, and how long it takes, 0 if that is not known. Several
	// goroutines call it.
	Say func(what string, d time.Duration) `kong:"-"`
}

// Check returns an error for options that make no sense.
func (o *Options) Check() error {
	among := func(flag string, names, all []string) error {
		unknown := slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(all, n) })
		return flagcheck.Reject(unknown, "--%s is %s, possible values are %s", flag, strings.Join(names, ","), strings.Join(all, ", "))
	}
	return cmp.Or(
		flagcheck.AtLeast("duration", o.Duration, 10*time.Second), flagcheck.AtLeast("every", o.Every, 10*time.Millisecond),
		flagcheck.AtLeast("leg", o.Leg, time.Second), flagcheck.AtLeast("devices", o.Devices, 1),
		flagcheck.AtLeast("spectators", o.Spectators, 1), flagcheck.AtLeast("allow", o.Allow, 0),
		flagcheck.Reject(o.StepsAt < 0 || o.StepsAt > 1, "--steps-at is %v, it must be from 0 to 1", o.StepsAt),
		among("kinds", o.Kinds, Names()), among("streams", o.Streams, streamNames()),
	)
}

// long reports whether kinds with clocks that fall back take part.
func (o *Options) long() bool { return o.Duration >= longRace }

// Names are the names of all kinds.
func Names() (list []string) {
	for _, k := range kinds() {
		list = append(list, k.name)
	}
	return list
}

// streamNames are the names of all streams.
func streamNames() (list []string) {
	for _, s := range allServers(0) {
		list = append(list, s.name)
	}
	return list
}

// Run runs the races of all streams at the same time, each with its own stack. The
// result is nil after an error.
func Run(ctx context.Context, o Options) (res *Result, err error) {
	t := newTally()
	var races []*race
	binaries := new(stack.Binaries)
	defer func() {
		for _, r := range races {
			err = errors.Join(err, r.close())
		}
		err = errors.Join(err, binaries.Close())
		if err != nil {
			res = nil
		}
	}()
	for _, srv := range allServers(o.StepsAt) {
		if len(o.Streams) > 0 && !slices.Contains(o.Streams, srv.name) {
			continue
		}
		o.Say("starting the servers of "+srv.name, 0)
		r := newRace(o, srv, t)
		races = append(races, r)
		if err := r.open(ctx, binaries); err != nil {
			return nil, fmt.Errorf("%s: %w", srv.name, err)
		}
	}
	all, ctx := errgroup.WithContext(ctx)
	var devices []*device
	for _, r := range races {
		devices = append(devices, r.devices...)
		all.Go(func() error { return r.run(ctx) })
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	return t.result(devices), nil
}
