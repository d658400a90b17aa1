package runner

import (
	"slices"
	"strings"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/pause"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// attackRun is the steady phase of a run with attacks.
type attackRun struct {
	run    *run
	phases []report.Phase
	peak   int64 // highest resident memory of the engine, bytes
}

// attack carries out the steady phase of a run with attacks: a quiet phase, each
// attack alone, all of them at once, and a rest.
func (r *run) attack() (err error) {
	a := &attackRun{run: r}
	s, err := newSchedule(&r.plan)
	if err != nil {
		return err
	}
	e := r.stack.Engines[0]
	tokens := r.access.tokens
	// They are stopped by run.stop, since their CPU time counts until then.
	r.attackers, err = startAttackers(attack.Config{Addr: e.Addr, Path: e.Path, Sources: attackSources(), Load: s.load,
		Good: tokens.Good, Wrong: tokens.Wrong, Asked: tokens.Asked, Event: scenario.EventName(0)})
	if err != nil {
		return err
	}
	heapBefore, err := r.heap()
	if err != nil {
		return err
	}
	err = a.phase("quiet", s.long)
	for _, k := range s.kinds {
		if err == nil {
			err = a.phase(k, s.short, k)
		}
	}
	if err == nil {
		err = a.phase("all at once", s.long, s.kinds...)
	}
	if err != nil {
		return err
	}
	return a.conclude(s.rest, heapBefore, s.kinds)
}

// phase measures spectators and engine while attacks of these kinds run. With several
// kinds, a tenth of the spectators drop and reconnect meanwhile.
func (a *attackRun) phase(name string, length time.Duration, kinds ...string) error {
	r := a.run
	p := report.Phase{Name: name, Seconds: length.Seconds(), Attacks: map[string]report.Attack{}}
	probe, err := newProbe(r, &p, kinds)
	if err != nil {
		return err
	}
	defer probe.close()
	r.progress.phase(name, lead(kinds)+length)
	before, err := a.begin(probe, kinds)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := r.clients.measure(start, start.Add(length)); err != nil {
		return err
	}
	if len(kinds) > 1 {
		r.clients.forgetJoins()
		if err := r.clients.drop(r.plan.Connections/10, length/2); err != nil {
			return err
		}
	}
	if p.PeakMB, err = a.watchMemory(length); err != nil {
		return err
	}
	after, err := a.sample()
	if err != nil {
		return err
	}
	if err := probe.end(); err != nil {
		return err
	}
	if err := r.attackers.order(r.ctx); err != nil {
		return err
	}
	if err := a.arrived(); err != nil {
		return err
	}
	h := r.clients.measured().latency
	p.P50, p.P99 = h.MS(50), h.MS(99)
	if len(kinds) > 1 {
		join := r.clients.joins()
		p.Joined, p.JoinP50, p.JoinP99 = join.TotalCount(), join.MS(50), join.MS(99)
	}
	a.account(&p, before, after, kinds, lead(kinds)+probe.waited)
	a.phases = append(a.phases, p)
	return nil
}

// begin starts the attacks of a phase and waits until it can be measured. It returns a
// sample from before the attacks.
func (a *attackRun) begin(probe *probe, kinds []string) (before sample, err error) {
	if before, err = a.sample(); err != nil || len(kinds) == 0 {
		return before, err
	}
	if err := a.run.attackers.order(a.run.ctx, kinds...); err != nil {
		return before, err
	}
	return before, probe.begin()
}

// sample is a reading of all totals.
type sample struct {
	at        time.Time
	engine    gauge.Process
	attackers gauge.Process
	metrics   gauge.Metrics
	done      attack.Status
}

func (a *attackRun) sample() (s sample, err error) {
	r := a.run
	if s.engine, err = gauge.ReadProcess(r.stack.Engines[0].PID); err != nil {
		return s, err
	}
	if s.attackers, err = r.attackers.used(); err != nil {
		return s, err
	}
	s.at, s.done = time.Now(), r.attackers.tally()
	s.metrics, err = r.sampler.scrape(r.ctx)
	return s, err
}

// watchMemory waits, and returns the highest memory of the engine meanwhile, in MB.
func (a *attackRun) watchMemory(length time.Duration) (mb float64, err error) {
	const interval = 100 * time.Millisecond
	most := int64(0)
	for end := time.Now().Add(length); time.Now().Before(end); {
		most = max(most, a.run.sampler.rss())
		if err := pause.For(a.run.ctx, min(interval, time.Until(end))); err != nil {
			return 0, err
		}
	}
	a.peak = max(a.peak, most)
	return float64(most) / 1e6, nil
}

// arrived waits until no more positions of the measured time arrive, so that the
// slowest are counted too.
func (a *attackRun) arrived() error {
	for before := int64(-1); ; {
		if err := pause.For(a.run.ctx, stillness); err != nil {
			return err
		}
		n := a.run.clients.measured().latency.TotalCount()
		if n == before {
			return nil
		}
		before = n
	}
}

// counted are the metrics of the engine that show how it handles attacks.
var counted = []string{"processor_live_refusals_total", "processor_live_refused_requests_total", "processor_live_closes_total",
	"processor_live_ring_overflows_total", "processor_live_accept_pauses_total", "processor_live_shed_connections_total", "processor_live_read_panics_total"}

// account notes the attacks of a phase and the answers. The attacks ran for longer
// than the phase was measured; longer is the difference.
func (a *attackRun) account(p *report.Phase, before, after sample, kinds []string, longer time.Duration) {
	seconds := after.at.Sub(before.at).Seconds()
	p.EngineCores = after.engine.Since(before.engine).CPU().Seconds() / seconds
	p.AttackerCores = after.attackers.Since(before.attackers).CPU().Seconds() / seconds
	p.Metrics = map[string]float64{}
	for series, n := range after.metrics.Since(before.metrics) {
		name, _, _ := strings.Cut(series, "{")
		if n > 0 && slices.Contains(counted, name) {
			p.Metrics[series] = n
		}
	}
	done := a.run.attackers.tally() // complete, since all attackers rest
	for _, k := range kinds {
		made := report.Attack{Made: done.Made[k] - before.done.Made[k], Answers: map[string]int64{}}
		made.PerSecond = float64(made.Made) / (p.Seconds + longer.Seconds())
		for text, n := range done.Answers[k] {
			if n -= before.done.Answers[k][text]; n > 0 {
				made.Answers[text] = n
			}
		}
		p.Attacks[k] = made
	}
}

// conclude gives the engine time to release memory, and notes the results of all
// phases.
func (a *attackRun) conclude(rest time.Duration, heapBefore float64, kinds []string) error {
	r := a.run
	r.progress.phase("letting the engine release memory", rest)
	if err := pause.For(r.ctx, rest); err != nil {
		return err
	}
	heapAfter, err := r.heap()
	if err != nil {
		return err
	}
	quiet, worst := a.phases[0], a.phases[len(a.phases)-1]
	r.out.Attacks = &report.Attacks{
		Phases: a.phases, HeapBeforeMB: heapBefore, HeapAfterMB: heapAfter,
		QuietMB: quiet.PeakMB, PeakMB: float64(a.peak) / 1e6, AfterMB: float64(r.sampler.rss()) / 1e6,
		Ratio50: worst.P50 / max(quiet.P50, 0.001), Ratio99: worst.P99 / max(quiet.P99, 0.001), // the lowest value of a histogram is 1 µs
	}
	r.out.Broken = append(r.out.Broken, unrefused(a.phases, kinds)...)
	r.out.Notes = append(r.out.Notes, "the engine ran with "+strings.Join(r.access.args, " "))
	return nil
}
