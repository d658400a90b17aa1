package clocks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"pitwall/bench/stack"
)

// Options say how long the race lasts and what takes part.
type Options struct {
	Duration   time.Duration // of the publishing
	Every      time.Duration // between two records of a device
	Leg        time.Duration // time of publishing after which all screens are compared
	Devices    int           // of each kind per stream
	Spectators int           // per stream
	Allow      time.Duration // how much longer than for reference devices delivery may take
	Patience   time.Duration // how long screens may take to catch up after a leg
	Kinds      []string      // kinds that take part; none: all
	Streams    []string      // streams that take part; none: all
	EngineArgs []string      // more flags of pitwall serve
	Steady     bool          // do not restart the engines
	StepsAt    float64       // when the server's clock steps back, as a fraction of the race (0 to 1)
	// Say reports what begins, and how long it takes, 0 if that is not known. Several
	// goroutines call it.
	Say func(what string, d time.Duration)
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

// StreamNames are the names of all streams.
func StreamNames() (list []string) {
	for _, s := range allServers(StepsAt) {
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
