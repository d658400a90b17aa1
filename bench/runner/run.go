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
	joinWithin = 90 * time.Second // within which connections must have their snapshot
	tailWithin = 20 * time.Second // within which the last positions must arrive
	leastIdle  = 1000             // minimum number of connections for measuring the memory per connection
)

// run is one run of a scenario. Only one goroutine may use it, except for the parts
// that say otherwise.
type run struct {
	ctx      context.Context
	scenario scenario.Scenario
	plan     scenario.Plan
	opt      *Command
	progress *progress
	out      *report.Run
	ident    string           // for the names of files
	binaries *stack.Binaries  // shared with other runs
	action   func(*run) error // replaces the action of the scenario, unless it is nil

	stack     *stack.Stack
	clients   *clients
	publisher *publish.Publisher
	sampler   *sampler
	access    access
	tokens    []string // of the spectators; none: no token
	attackers *attackers
	began     time.Time // start of the steady phase
	ends      time.Time
	published chan error // receives the result of publishing
	halt      context.CancelFunc
	idleRSS   int64 // of the engines without connections
	fullRSS   int64 // with all connections, before anything was published

	calm, rush latency.Histogram // before a herd moves, and while it reconnects
	rushed     gauge.Metrics     // growth of the engine's metrics while it reconnects

	bytesPerRow float64 // of the table at the end
}

// newRun prepares a run of a plan.
func newRun(ctx context.Context, c *Command, sc scenario.Scenario, p scenario.Plan, w io.Writer) *run {
	return &run{ctx: ctx, scenario: sc, plan: p, opt: c, progress: &progress{w: w}, out: new(report.Run), ident: sc.Name}
}

// another prepares the same run again. The caller changes what must differ. ident is
// for the names of its files, title for its progress.
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
	phases := []func() error{r.connect, r.publish, r.steady, r.finish}
	if r.opt.Ramp != "" {
		phases = []func() error{r.connect, r.publish, r.ramp, r.finish}
	}
	for _, phase := range phases {
		if err := phase(); err != nil {
			return err
		}
	}
	return nil
}

// connect connects the spectators and waits until all have their snapshot.
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

// grow connects n more clients over a time, and waits until they have their snapshot.
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
		return fmt.Errorf("no spectator could subscribe at %s: %s", r.stack.Engines[0].Addr, t.fault)
	}
	return err
}

// publish starts publishing and waits for the end of the warm-up.
func (r *run) publish() error {
	ctx, halt := context.WithCancel(r.ctx)
	r.halt, r.published = halt, make(chan error, 1)
	go func() { r.published <- r.publisher.Run(ctx) }()
	r.progress.phase("warming up", r.plan.Warmup)
	return pause.For(r.ctx, r.plan.Warmup)
}

// steady is the steady phase, which is measured.
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
	others := make(chan error, 2)
	go func() { others <- r.act() }()
	go func() { others <- r.profile() }()
	err := errors.Join(r.sampler.run(ctx, r.progress), <-others, <-others)
	if r.ctx.Err() != nil {
		return r.ctx.Err() // once, not from each of them
	}
	return err
}

// finish stops publishing, waits for the last positions, and works out the figures.
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
	if a := r.out.Attacks; a != nil {
		r.out.Broken = append(r.out.Broken, a.Exceeded(r.out.Valid)...)
	}
	return nil
}
