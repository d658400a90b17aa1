package main

import (
	"slices"
	"time"

	"pitwall/bench/report"
	"pitwall/bench/siege"
)

// closer looks more closely at what a phase does to the engine than spectators
// see: how long a withdrawn spectator watches on, and whether the memory that
// pings take is what the engine counts. It belongs to one phase.
type closer struct {
	b        *battle
	p        *report.Phase
	kinds    []string
	witness  *witness  // nil where nobody is withdrawn
	since    time.Time // when they were
	baseline memory
	waited   time.Duration // beyond the phase's end
}

// closer prepares a phase that has not begun.
func (b *battle) closer(p *report.Phase, kinds []string) (*closer, error) {
	c := &closer{b: b, p: p, kinds: kinds}
	if !slices.Contains(kinds, siege.Sessions) {
		return c, nil
	}
	r, e := b.run, b.run.site.Engines[0]
	var err error
	c.witness, err = watch(r.ctx, "ws://"+e.Addr+e.Path, r.guard.tokens.Leaving, eventName(0))
	return c, err
}

// begin waits until the phase can be measured: attacks are under way.
func (c *closer) begin() (err error) {
	ctx := c.b.run.ctx
	switch {
	case c.witness != nil:
		err = pause(ctx, gathering)
		c.b.run.guard.platform.withdrawn.Store(true)
		c.since = time.Now()
	case c.weighs():
		if err = pause(ctx, siege.Idle/2); err != nil {
			return err
		}
		if c.baseline, err = c.b.memory(); err != nil {
			return err
		}
		err = pause(ctx, silence-siege.Idle/2)
	}
	return err
}

// weighs reports whether memory is compared: that of several attacks could not
// be told apart.
func (c *closer) weighs() bool { return slices.Equal(c.kinds, []string{siege.Pings}) }

// end notes what has come of it, while the attacks go on.
func (c *closer) end() error {
	begun := time.Now()
	defer func() { c.waited = time.Since(begun) }()
	switch {
	case c.witness != nil:
		d, err := c.witness.watchedOn(c.b.run.ctx, c.since)
		if err != nil {
			return err
		}
		recheck := siegePatience(c.b.run.opt.EngineArg).recheck
		c.p.Withdrawn = &report.Withdrawn{Seconds: d.Seconds(), Allowed: 2 * recheck.Seconds()}
	case c.weighs():
		now, err := c.b.memory()
		if err != nil {
			return err
		}
		c.p.Weighed = &report.Weighed{CountedMB: now.counted - c.baseline.counted, HeldMB: now.held - c.baseline.held}
	}
	return nil
}

// leave ends what the phase had for itself.
func (c *closer) leave() {
	if c.witness != nil {
		c.witness.leave()
		c.b.run.guard.platform.withdrawn.Store(false)
	}
}

// memory is what the engine counts as held for connections, and what it holds on
// its heap and in stacks, garbage apart, in MB.
type memory struct{ counted, held float64 }

func (b *battle) memory() (m memory, err error) {
	g, err := b.collected(b.run.ctx)
	if err != nil {
		return m, err
	}
	return memory{
		counted: g.Sum("processor_live_queued_bytes") / 1e6,
		held:    (g.Sum("go_memstats_heap_alloc_bytes") + g.Sum("go_memstats_stack_inuse_bytes")) / 1e6,
	}, nil
}
