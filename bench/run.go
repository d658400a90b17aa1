package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pitwall/bench/baseline"
	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/publish"
	"pitwall/bench/report"
	"pitwall/bench/spectators"
	"pitwall/bench/stack"
)

const (
	stream      = "telemetry:t"
	keepEntries = 1_000_000 // of the stream
	joinWithin  = 90 * time.Second
	tailWithin  = 20 * time.Second // for the last positions to come
	leastIdle   = 1000             // connections whose memory can be told from that of everything else
	eventPrefix = "bench-"
	namePrefix  = "bench-d"
)

// run is one run of a scenario. It belongs to one goroutine but for what is
// said of its parts.
type run struct {
	ctx   context.Context
	sc    scenario
	plan  plan
	opt   *runCmd
	say   *teller
	out   *report.Run
	ident string // names the files of this run

	site      *stack.Site
	fleet     *fleet
	publisher *publish.Publisher
	sampler   *sampler
	guard     guard
	army      *army     // of a siege
	began     time.Time // of the steady phase
	ends      time.Time
	published chan error // the end of the publishing
	halt      context.CancelFunc
	idleRSS   int64 // of the engines, before anybody came
	fullRSS   int64 // with everybody there, before anything was published

	calm, rush spectators.Hist // latencies before a herd moves, and while it comes
	rushed     gauge.Metrics   // what the engine counted meanwhile

	bytesPerRow float64 // of the table, at the end
}

// another is the same run once more, with everything new; what tells it from r
// is the caller's to change. ident names its files, and title its progress.
func (r *run) another(ident, title string) *run {
	return &run{ctx: r.ctx, sc: r.sc, plan: r.plan, opt: r.opt, out: new(report.Run), ident: r.ident + "-" + ident,
		say: &teller{w: r.say.w, prefix: r.say.prefix + title + ": "}}
}

// eventName is the id of an event.
func eventName(i int) string { return fmt.Sprintf("%s%d", eventPrefix, i) }

// roster enters every device in its event.
func (p *plan) roster() (list []stack.Entry) {
	for e := range p.Events {
		for d := p.firstDevice(e); d < p.firstDevice(e+1); d++ {
			name := publish.Name(namePrefix, d)
			list = append(list, stack.Entry{Event: eventName(e), Entry: name, Device: name})
		}
	}
	return list
}

// do makes the run.
func (r *run) do() (err error) {
	if r.opt.Target == "" {
		r.say.phase("starting the servers", 0)
	}
	if err := r.putUp(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.takeDown()) }()
	r.idleRSS = r.sampler.rss()
	if err := r.gather(); err != nil {
		return err
	}
	if err := r.publish(); err != nil {
		return err
	}
	if r.opt.Ramp != "" {
		return r.ramp()
	}
	if err := r.steady(); err != nil {
		return err
	}
	return r.finish()
}

// putUp starts the site, the swarm and the publisher's connection.
func (r *run) putUp() (err error) {
	if r.sc.guarded {
		if r.guard, err = keepGuard(); err != nil {
			return err
		}
	}
	if r.opt.Target != "" {
		r.site, err = stack.Running(r.ctx, r.opt.Target, r.opt.Redis, r.opt.Ops, r.opt.PID)
	} else {
		r.site, err = stack.Start(r.ctx, stack.Options{
			Postgres: r.plan.Archive || r.sc.postgres, Archive: r.plan.Archive, Engines: r.plan.Engines, Roster: append(r.plan.roster(), r.guard.roster()...),
			Peer: r.opt.Peer, PeerArgs: r.peerArgs(),
			Args:  slices.Concat([]string{fmt.Sprintf("--live-flush-ms=%d", r.plan.Window.Milliseconds())}, r.guard.args, r.opt.EngineArg),
			Files: r.guard.files,
		})
	}
	if err != nil {
		return errors.Join(err, r.guard.platform.close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.takeDown())
		}
	}()
	base := time.Now().UnixMilli() // beyond all numbers of earlier runs: no device sends 1,000 a second
	if r.publisher, err = publish.New(publish.Options{
		RedisURL: r.site.RedisURL, Stream: r.opt.Stream, MaxLen: keepEntries, Prefix: namePrefix,
		Devices: r.plan.Devices, Base: base, Rate: r.startRate(),
	}); err != nil {
		return err
	}
	c := spectators.Config{Path: r.site.Engines[0].Path, Dialect: r.dialect(), Prefix: namePrefix, Base: base,
		SlowRate: r.plan.SlowRate, Interval: r.plan.Interval, CheckEvery: r.plan.CheckEvery, Roving: r.sc.roving, Token: r.guard.token()}
	if r.plan.Batch {
		c.Path += "?batch=1"
	}
	for e := range r.plan.Events {
		first, after := r.plan.firstDevice(e), r.plan.firstDevice(e+1)
		if r.sc.roving {
			first, after = 0, r.plan.Devices
		}
		c.Events = append(c.Events, spectators.Event{Name: eventName(e), First: first, Devices: after - first})
	}
	slow := int(float64(r.plan.Connections) * r.plan.Slow / 100)
	if r.fleet, err = newFleet(c, r.site.Engines, r.plan.watch(), slow); err != nil {
		return err
	}
	r.sampler = newSampler(r.site, r.fleet, r.publisher)
	return nil
}

// peerArgs tell a peer what Pitwall reads from the roster.
func (r *run) peerArgs() []string {
	args := []string{"--kind=" + r.opt.Peer, fmt.Sprintf("--events=%d", r.plan.Events), fmt.Sprintf("--devices=%d", r.plan.Devices),
		"--event-prefix=" + eventPrefix, "--device-prefix=" + namePrefix, "--stream=" + r.opt.Stream}
	if slices.Contains(baseline.Kinds, r.opt.Peer) {
		args = slices.Concat([]string{"stand"}, args, []string{"--window=" + r.plan.Window.String()})
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

// takeDown stops everything.
func (r *run) takeDown() error {
	var errs []error
	if r.halt != nil {
		r.halt()
		errs = append(errs, <-r.published)
	}
	errs = append(errs, r.army.close())
	if r.fleet != nil {
		errs = append(errs, r.fleet.close())
	}
	if r.publisher != nil {
		r.publisher.Close()
	}
	if r.out != nil {
		r.out.Notes = append(r.out.Notes, r.site.Log()...)
	}
	return errors.Join(append(errs, r.site.Close(), r.guard.platform.close())...)
}

// gather has the connections come, and waits until all have their snapshot.
func (r *run) gather() error {
	n := r.plan.Connections
	if r.plan.StartLine {
		return nil // they come in the steady phase
	}
	if r.opt.Ramp == rampConnections {
		n = min(n, r.opt.From)
	}
	if err := r.grow(n, r.plan.Connect); err != nil {
		return err
	}
	if r.opt.Ramp != rampConnections && n >= leastIdle {
		r.fullRSS = r.sampler.rss()
	}
	return nil
}

// grow connects n more clients over a time and waits for them.
func (r *run) grow(n int, over time.Duration) error {
	before, err := r.fleet.tally()
	if err != nil {
		return err
	}
	r.say.phase("connecting "+report.Count(n, "spectator"), over)
	if err := r.fleet.connect(n, over); err != nil {
		return err
	}
	want := before.joined + n
	t, err := r.fleet.await(r.ctx, joinWithin+over, "the connections", func(t tally) bool {
		return t.joined+int(t.counts.Refused+t.counts.Lost) >= want
	})
	if err == nil && t.joined == 0 {
		return fmt.Errorf("no spectator got in at %s: %s", r.site.Engines[0].Addr, t.fault)
	}
	return err
}

// publish begins to publish and lets things settle.
func (r *run) publish() error {
	ctx, halt := context.WithCancel(r.ctx)
	r.halt, r.published = halt, make(chan error, 1)
	if r.opt.Ramp == rampRate { // also while warming up: what is behind then would still be so at the first step
		r.publisher.SetRate(float64(r.opt.From))
	}
	go func() { r.published <- r.publisher.Run(ctx) }()
	r.say.phase("warming up", r.plan.Warmup)
	return pause(r.ctx, r.plan.Warmup)
}

// steady is the phase that is measured.
func (r *run) steady() error {
	r.say.phase("measuring", r.plan.Duration+r.beyond())
	r.began = time.Now()
	r.ends = r.began.Add(r.plan.Duration + r.beyond())
	if err := r.fleet.measure(r.began, r.ends); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(r.ctx, r.ends)
	defer cancel()
	beside := make(chan error, 2)
	go func() { beside <- r.beside() }()
	go func() { beside <- r.profile(ctx) }()
	err := errors.Join(r.sampler.run(ctx, r.say), <-beside, <-beside)
	if r.ctx.Err() != nil {
		return r.ctx.Err() // which is what they all say
	}
	return err
}

// beside does what the scenario does in its steady phase.
func (r *run) beside() error {
	if r.sc.during == nil {
		return nil
	}
	return r.sc.during(r)
}

// finish stops publishing, waits for what is under way, and works the figures
// out.
func (r *run) finish() error {
	r.say.phase("waiting for the last positions", tailWithin)
	r.halt()
	err := <-r.published
	stopped := time.Now()
	r.halt = nil
	if err != nil {
		return err
	}
	t, err := r.fleet.finish(r.ctx, r.publisher.Published(), tailWithin)
	if err != nil {
		return err
	}
	var caughtUp time.Duration
	if r.plan.Archive && r.site.Own() {
		if caughtUp, err = r.archived(stopped); err != nil {
			return err
		}
	}
	r.figures(t, caughtUp)
	siegePromises(r, t)
	r.judge(t)
	return nil
}
