package main

import (
	"slices"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/report"
)

// closer looks more closely at what a phase does to the engine than spectators
// see: how long withdrawn spectators watch on, at most, and whether the memory that
// pings take is what the engine counts. It belongs to one phase.
type closer struct {
	b        *battle
	p        *report.Phase
	kinds    []string
	leaving  []*witness // who are to be withdrawn; none in most phases
	since    time.Time  // when they were
	baseline memory
	waited   time.Duration // beyond the phase's end
}

// closer prepares a phase that has not begun.
func (b *battle) closer(p *report.Phase, kinds []string) (*closer, error) {
	c := &closer{b: b, p: p, kinds: kinds}
	if !slices.Contains(kinds, attack.Sessions) {
		return c, nil
	}
	r, e := b.run, b.run.site.Engines[0]
	for _, token := range r.guard.tokens.Leaving {
		w, err := watch(r.ctx, "ws://"+e.Addr+e.Path, token, eventName(0))
		if err != nil {
			c.leave()
			return c, err
		}
		c.leaving = append(c.leaving, w)
	}
	return c, nil
}

// begin waits until the phase can be measured: attacks are under way.
func (c *closer) begin() (err error) {
	ctx := c.b.run.ctx
	switch {
	case len(c.leaving) > 0:
		err = pause(ctx, gathering)
		c.b.run.guard.platform.withdraw(true)
		c.since = time.Now()
	case c.weighs():
		if err = pause(ctx, attack.Idle/2); err != nil {
			return err
		}
		if c.baseline, err = c.b.memory(); err != nil {
			return err
		}
		err = pause(ctx, silence-attack.Idle/2)
	}
	return err
}

// weighs reports whether memory is compared: that of several attacks could not
// be told apart.
func (c *closer) weighs() bool { return slices.Equal(c.kinds, []string{attack.Pings}) }

// end notes what has come of it, while the attacks go on.
func (c *closer) end() error {
	begun := time.Now()
	defer func() { c.waited = time.Since(begun) }()
	switch {
	case len(c.leaving) > 0:
		longest := time.Duration(0)
		for _, w := range c.leaving {
			d, err := w.watchedOn(c.b.run.ctx, c.since)
			if err != nil {
				return err
			}
			longest = max(longest, d)
		}
		recheck := siegePatience(c.b.run.opt.EngineArg).recheck
		c.p.Withdrawn = &report.Withdrawn{Seconds: longest.Seconds(), Allowed: 2 * recheck.Seconds()}
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
	for _, w := range c.leaving {
		w.leave()
	}
	if len(c.leaving) > 0 {
		c.b.run.guard.platform.withdraw(false)
	}
}
