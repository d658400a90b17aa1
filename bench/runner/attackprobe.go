package runner

import (
	"slices"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/internal/pause"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// probe measures what honest spectators do not see in a phase: how long spectators can
// watch after their access was withdrawn, and whether the engine counts the memory
// that pings take.
type probe struct {
	run      *run
	phase    *report.Phase
	kinds    []string
	leaving  []*withdrawn // spectators whose access is withdrawn; none in most phases
	since    time.Time    // when it was withdrawn
	baseline memory
	waited   time.Duration // after the end of the phase
}

// newProbe prepares the probe of a phase that has not begun. The caller closes it.
func newProbe(r *run, p *report.Phase, kinds []string) (*probe, error) {
	b := &probe{run: r, phase: p, kinds: kinds}
	if !slices.Contains(kinds, attack.Sessions) {
		return b, nil
	}
	e := r.stack.Engines[0]
	for _, token := range r.access.tokens.Leaving {
		w, err := watch(r.ctx, "ws://"+e.Addr+e.Path, token, scenario.EventName(0))
		if err != nil {
			b.close()
			return b, err
		}
		b.leaving = append(b.leaving, w)
	}
	return b, nil
}

// begin waits while the attacks run until the phase can be measured.
func (b *probe) begin() (err error) {
	ctx := b.run.ctx
	switch {
	case len(b.leaving) > 0:
		err = pause.For(ctx, gathering)
		b.run.access.platform.withdraw(true)
		b.since = time.Now()
	case b.comparesMemory():
		if err = pause.For(ctx, attack.Idle/2); err != nil {
			return err
		}
		if b.baseline, err = b.run.memory(); err != nil {
			return err
		}
		err = pause.For(ctx, silence-attack.Idle/2)
	}
	return err
}

// comparesMemory reports whether memory is compared, which is only possible for a
// single attack.
func (b *probe) comparesMemory() bool { return slices.Equal(b.kinds, []string{attack.Pings}) }

// end notes the results while the attacks still run.
func (b *probe) end() error {
	begun := time.Now()
	defer func() { b.waited = time.Since(begun) }()
	switch {
	case len(b.leaving) > 0:
		longest := time.Duration(0)
		for _, w := range b.leaving {
			d, err := w.watchedOn(b.run.ctx, b.since)
			if err != nil {
				return err
			}
			longest = max(longest, d)
		}
		allowed := 2 * limitsOf(b.run.opt.EngineArg).recheck
		b.phase.Withdrawn = &report.Withdrawn{Seconds: longest.Seconds(), Allowed: allowed.Seconds()}
	case b.comparesMemory():
		now, err := b.run.memory()
		if err != nil {
			return err
		}
		b.phase.Weighed = &report.Weighed{CountedMB: now.counted - b.baseline.counted, HeldMB: now.held - b.baseline.held}
	}
	return nil
}

// close disconnects the spectators of the probe and restores their access.
func (b *probe) close() {
	for _, w := range b.leaving {
		w.close()
	}
	if len(b.leaving) > 0 {
		b.run.access.platform.withdraw(false)
	}
}
