package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/latency"
	"pitwall/bench/internal/pause"
	"pitwall/bench/internal/publish"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
	"pitwall/bench/stack"
)

const (
	joinWithin = 90 * time.Second
	tailWithin = 20 * time.Second // for the last positions to arrive
	leastIdle  = 1000             // connections whose memory can be told from that of everything else
)

// run is one run of a scenario. It belongs to one goroutine, except for the
// parts that say otherwise.
type run struct {
	ctx      context.Context
	scenario scenario.Scenario
	plan     scenario.Plan
	opt      *Command
	progress *progress
	out      *report.Run
	ident    string           // names the files of this run
	binaries *stack.Binaries  // shared with other runs; nil: the run builds its own
	action   func(*run) error // in the scenario's place; nil: the scenario's own

	stack     *stack.Stack
	clients   *clients
	publisher *publish.Publisher
	sampler   *sampler
	access    access
	attackers *attackers
	began     time.Time // of the steady phase
	ends      time.Time
	published chan error // the end of the publishing
	halt      context.CancelFunc
	idleRSS   int64 // of the engines, before anybody connected
	fullRSS   int64 // with everybody connected, before anything was published

	calm, rush latency.Histogram // before a herd moves, and while it comes
	rushed     gauge.Metrics     // what the engine counted meanwhile

	bytesPerRow float64 // of the table, at the end
}

// newRun prepares a run of a plan.
func newRun(ctx context.Context, c *Command, sc scenario.Scenario, p scenario.Plan, w io.Writer) *run {
	return &run{ctx: ctx, scenario: sc, plan: p, opt: c, progress: &progress{w: w}, out: new(report.Run), ident: sc.Name}
}

// another is the same run once more, with everything new. The caller changes
// what is to differ. ident names its files, and title its progress.
func (r *run) another(ident, title string) *run {
	o := newRun(r.ctx, r.opt, r.scenario, r.plan, r.progress.w)
	o.ident, o.progress.prefix, o.binaries = r.ident+"-"+ident, r.progress.prefix+title+": ", r.binaries
	return o
}

// do makes the run.
func (r *run) do() (err error) {
	if r.opt.Target == "" {
		r.progress.phase("starting the servers", 0)
	}
	if err := r.start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	r.idleRSS = r.sampler.rss()
	if err := r.connect(); err != nil {
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

// connect connects the spectators, and waits until all have their snapshot.
func (r *run) connect() error {
	n := r.plan.Connections
	if r.plan.StartLine {
		return nil // they connect in the steady phase
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
	before, err := r.clients.tally()
	if err != nil {
		return err
	}
	r.progress.phase("connecting "+report.Count(n, "spectator"), over)
	if err := r.clients.connect(n, over); err != nil {
		return err
	}
	want := before.joined + n
	t, err := r.clients.await(r.ctx, joinWithin+over, "the connections", func(t tally) bool {
		return t.joined+int(t.counts.Refused+t.counts.Lost) >= want
	})
	if err == nil && t.joined == 0 {
		return fmt.Errorf("no spectator got in at %s: %s", r.stack.Engines[0].Addr, t.fault)
	}
	return err
}

// publish begins to publish and lets the warm-up pass.
func (r *run) publish() error {
	ctx, halt := context.WithCancel(r.ctx)
	r.halt, r.published = halt, make(chan error, 1)
	if r.opt.Ramp == rampRate { // also while warming up: a backlog from then would still be there at the first step
		r.publisher.SetRate(float64(r.opt.From))
	}
	go func() { r.published <- r.publisher.Run(ctx) }()
	r.progress.phase("warming up", r.plan.Warmup)
	return pause.For(r.ctx, r.plan.Warmup)
}

// steady is the phase that is measured.
func (r *run) steady() error {
	length := r.plan.Duration + r.extraDuration()
	r.progress.phase("measuring", length)
	r.began = time.Now()
	r.ends = r.began.Add(length)
	if err := r.clients.measure(r.began, r.ends); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(r.ctx, r.ends)
	defer cancel()
	beside := make(chan error, 2)
	go func() { beside <- r.act() }()
	go func() { beside <- r.profile(ctx) }()
	err := errors.Join(r.sampler.run(ctx, r.progress), <-beside, <-beside)
	if r.ctx.Err() != nil {
		return r.ctx.Err() // which is what all of them say
	}
	return err
}

// finish stops publishing, waits for what is under way, and works the figures
// out.
func (r *run) finish() error {
	r.progress.phase("waiting for the last positions", tailWithin)
	r.halt()
	err := <-r.published
	stopped := time.Now()
	r.halt = nil
	if err != nil {
		return err
	}
	t, err := r.clients.finish(r.ctx, r.publisher.Published(), tailWithin)
	if err != nil {
		return err
	}
	var caughtUp time.Duration
	if r.plan.Archive && r.stack.Own() {
		if caughtUp, err = r.archived(stopped); err != nil {
			return err
		}
	}
	r.figures(t, caughtUp)
	r.checkHonest(t)
	r.validate(t)
	return nil
}
