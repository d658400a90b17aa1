package runner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pitwall/bench/baseline"
	"pitwall/bench/internal/publish"
	"pitwall/bench/scenario"
	"pitwall/bench/spectators"
	"pitwall/bench/stack"
)

// keepEntries is the minimum number of entries that the stream keeps.
const keepEntries = 1_000_000

// start starts the stack and the processes of spectators, and connects the publisher.
// After an error it stops what it has started.
func (r *run) start() (err error) {
	if r.scenario.Guarded {
		if r.access, err = newAccess(); err != nil {
			return err
		}
	}
	if err := r.startStack(); err != nil {
		return errors.Join(err, r.access.platform.close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.stop())
		}
	}()
	// Numbers start at the time in ms, which is higher than any number of an earlier
	// run, because no device sends 1,000 records per second.
	if r.tokens, err = r.opt.tokens(r.ctx, r.access); err != nil {
		return err
	}
	base := time.Now().UnixMilli()
	if r.publisher, err = publish.New(publish.Options{
		RedisURL: r.stack.RedisURL, Stream: r.opt.Stream, MaxLen: keepEntries, Prefix: scenario.DevicePrefix,
		Devices: r.plan.Devices, Base: base, Rate: r.startRate(),
	}); err != nil {
		return err
	}
	slow := int(float64(r.plan.Connections) * r.plan.Slow / 100)
	if r.clients, err = newClients(r.clientConfig(base), r.stack.Engines, r.plan.Watch(), slow); err != nil {
		return err
	}
	r.sampler = newSampler(r.stack, r.clients, r.publisher)
	return nil
}

// startStack starts the servers, or uses those of an installation that runs.
func (r *run) startStack() (err error) {
	if r.opt.Target != "" {
		r.stack, err = stack.Running(r.ctx, stack.Target{URL: r.opt.Target, CA: r.opt.TargetCA, RedisURL: r.opt.Redis, Ops: r.opt.Ops, PID: r.opt.PID})
		return err
	}
	r.stack, err = stack.Start(r.ctx, stack.Options{
		Postgres: r.plan.Archive || r.scenario.Postgres, Archive: r.plan.Archive, Engines: r.plan.Engines,
		Roster: append(roster(&r.plan), r.access.silent()...),
		Peer:   r.opt.Peer, PeerArgs: r.peerArgs(), Binaries: r.binaries,
		Args:  slices.Concat([]string{fmt.Sprintf("--live-flush-ms=%d", r.plan.Window.Milliseconds())}, r.access.args, r.opt.EngineArg),
		Files: r.access.files,
	})
	return err
}

// clientConfig is what the configurations of all processes of spectators have in
// common.
func (r *run) clientConfig(base int64) spectators.Config {
	c := spectators.Config{Path: r.stack.Engines[0].Path, Dialect: r.dialect(), Prefix: scenario.DevicePrefix, Base: base,
		SlowRate: r.plan.SlowRate, Interval: r.plan.Interval, CheckEvery: r.plan.CheckEvery, Roving: r.scenario.Roving, Host: r.stack.Host, Tokens: r.tokens}
	if r.plan.Batch {
		separator := "?"
		if strings.Contains(c.Path, "?") {
			separator = "&"
		}
		c.Path += separator + "batch=1"
	}
	for e := range r.plan.Events {
		first, end := r.plan.FirstDevice(e), r.plan.FirstDevice(e+1)
		if r.scenario.Roving {
			first, end = 0, r.plan.Devices
		}
		c.Events = append(c.Events, spectators.Event{Name: scenario.EventName(e), First: first, Devices: end - first})
	}
	return c
}

// peerArgs are the flags of a server in Pitwall's place, among them what Pitwall reads
// from the roster.
func (r *run) peerArgs() []string {
	args := []string{"--kind=" + r.opt.Peer, fmt.Sprintf("--events=%d", r.plan.Events), fmt.Sprintf("--devices=%d", r.plan.Devices),
		"--event-prefix=" + scenario.EventPrefix, "--device-prefix=" + scenario.DevicePrefix, "--stream=" + r.opt.Stream}
	if slices.Contains(baseline.Kinds, r.opt.Peer) {
		args = append(args, "--window="+r.plan.Window.String())
		args = append(args, r.opt.baselineArgs...)
	}
	return args
}

// dialect is how clients subscribe.
func (r *run) dialect() string {
	switch r.opt.Peer {
	case "":
		return r.opt.Dialect
	case "nats", "centrifuge":
		return r.opt.Peer
	}
	return "plain"
}

// roster are the entries of all devices of a plan.
func roster(p *scenario.Plan) (list []stack.Entry) {
	for e := range p.Events {
		for d := p.FirstDevice(e); d < p.FirstDevice(e+1); d++ {
			name := publish.Name(scenario.DevicePrefix, d)
			list = append(list, stack.Entry{Event: scenario.EventName(e), Entry: name, Device: name})
		}
	}
	return list
}

// stop stops everything.
func (r *run) stop() error {
	var errs []error
	if r.halt != nil {
		r.halt()
		errs = append(errs, <-r.published)
	}
	errs = append(errs, r.attackers.close())
	if r.clients != nil {
		errs = append(errs, r.clients.close())
	}
	if r.publisher != nil {
		r.publisher.Close()
	}
	r.out.Notes = append(r.out.Notes, r.stack.Log()...)
	return errors.Join(append(errs, r.stack.Close(), r.access.platform.close())...)
}
