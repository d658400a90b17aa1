package main

import (
	"slices"
	"strings"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/internal/gauge"
	"pitwall/bench/report"
)

// leastPhase is the shortest time in which an attack shows anything.
const leastPhase = 500 * time.Millisecond

// stillness is longer than a swarm takes to tell its Progress. A phase has two
// of it behind its end.
const stillness = 700 * time.Millisecond

// Time before the measured part of a phase. Sessions have to gather before they
// hold anybody up; of pings the memory is looked at while they do nothing yet.
const (
	gathering = 8 * time.Second
	silence   = attack.Idle + 1500*time.Millisecond
)

// lead is how long a phase with these kinds is under way before it is measured.
func lead(kinds []string) time.Duration {
	switch {
	case slices.Contains(kinds, attack.Sessions):
		return gathering
	case slices.Equal(kinds, []string{attack.Pings}):
		return silence
	}
	return 0
}

// beyond is by how much the steady phase of a siege is longer than the plan's.
func (r *run) beyond() time.Duration {
	if !r.sc.guarded {
		return 0
	}
	d, _ := r.plan.siege() // the names of attacks are known to be good
	return d.extra
}

// battle is a siege under way.
type battle struct {
	run    *run
	army   *army
	phases []report.Phase
	peak   int64 // resident memory of the engine
}

// besiege is the steady phase of a siege: quiet, each attack in turn, all of
// them at once, quiet again.
func besiege(r *run) (err error) {
	b := &battle{run: r}
	d, err := r.plan.siege()
	if err != nil {
		return err
	}
	e := r.site.Engines[0]
	b.army, err = newArmy(attack.Config{Addr: e.Addr, Path: e.Path, Sources: attackSources(), Load: d.load,
		Good: r.guard.tokens.Good, Wrong: r.guard.tokens.Wrong, Asked: r.guard.tokens.Asked, Event: eventName(0)})
	if err != nil {
		return err
	}
	r.army = b.army // its processor time is ours; takeDown ends it
	heapBefore, err := b.heap()
	if err != nil {
		return err
	}
	if err := b.phase("quiet", d.long); err != nil {
		return err
	}
	for _, k := range d.kinds {
		if err := b.phase(k, d.short, k); err != nil {
			return err
		}
	}
	if err := b.phase("all at once", d.long, d.kinds...); err != nil {
		return err
	}
	return b.conclude(d.rest, heapBefore, d.kinds)
}

// division is how the steady phase of a siege is divided.
type division struct {
	load              map[string]float64 // of the attacks
	kinds             []string           // that are to be made
	long, short, rest time.Duration      // quiet and everything at once; each attack alone; after them
	shared            int                // attacks whose phases alone share the plan's duration
	extra             time.Duration      // on top of the plan's: for attacks apart, and what comes before phases
}

// siege divides the steady phase among the attacks that are to be made.
func (p *plan) siege() (d division, err error) {
	if d.load, err = loads(p.Attack); err != nil {
		return d, err
	}
	for _, k := range attack.Kinds() {
		if d.load[k.Name] > 0 {
			d.kinds = append(d.kinds, k.Name)
		}
	}
	for _, name := range d.kinds {
		if !attack.Find(name).Apart {
			d.shared++
		}
	}
	d.rest = p.Duration / 12
	whole := p.Duration - d.rest - time.Duration(d.shared+2)*2*stillness
	d.long, d.short = whole/5, whole*3/5/time.Duration(max(1, d.shared))
	d.extra = lead(d.kinds)
	for _, name := range d.kinds {
		if attack.Find(name).Apart {
			d.extra += lead([]string{name}) + d.short + 2*stillness
		}
	}
	return d, nil
}

// phase measures spectators and engine while some kinds of attacks are under
// way. While there are several, a tenth of the spectators drop and come back.
func (b *battle) phase(name string, length time.Duration, kinds ...string) error {
	r := b.run
	p := report.Phase{Name: name, Seconds: length.Seconds(), Attacks: map[string]report.Attack{}}
	c, err := b.closer(&p, kinds)
	if err != nil {
		return err
	}
	defer c.leave()
	r.say.phase(name, lead(kinds)+length)
	before, err := b.attack(c, kinds)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := r.fleet.measure(begin, begin.Add(length)); err != nil {
		return err
	}
	if len(kinds) > 1 {
		r.fleet.forgetJoins()
		if err := r.fleet.drop(r.plan.Connections/10, length/2); err != nil {
			return err
		}
	}
	if p.PeakMB, err = b.watchMemory(length); err != nil {
		return err
	}
	after, err := b.look()
	if err != nil {
		return err
	}
	if err := c.end(); err != nil {
		return err
	}
	if err := b.army.order(r.ctx); err != nil {
		return err
	}
	if err := b.arrived(); err != nil {
		return err
	}
	latency, _, join := r.fleet.hists()
	p.P50, p.P99 = ms(latency.ValueAtQuantile(50)), ms(latency.ValueAtQuantile(99))
	if len(kinds) > 1 {
		p.Joined, p.JoinP50, p.JoinP99 = join.TotalCount(), ms(join.ValueAtQuantile(50)), ms(join.ValueAtQuantile(99))
	}
	b.account(&p, before, after, kinds, lead(kinds)+c.waited)
	b.phases = append(b.phases, p)
	return nil
}

// attack gives the order, waits until the phase can be measured, and returns
// what there was before.
func (b *battle) attack(c *closer, kinds []string) (before glance, err error) {
	if before, err = b.look(); err != nil || len(kinds) == 0 {
		return before, err
	}
	if err := b.army.order(b.run.ctx, kinds...); err != nil {
		return before, err
	}
	return before, c.begin()
}

// glance is what grows, at one time.
type glance struct {
	at      time.Time
	engine  gauge.Process
	army    gauge.Process
	metrics gauge.Metrics
	tally   attack.Progress
}

func (b *battle) look() (g glance, err error) {
	if g.engine, err = gauge.ReadProcess(b.run.site.Engines[0].PID); err != nil {
		return g, err
	}
	if g.army, err = b.army.used(); err != nil {
		return g, err
	}
	g.at, g.tally = time.Now(), b.army.tally()
	g.metrics, err = b.run.sampler.scrape(b.run.ctx)
	return g, err
}

// watchMemory waits, and returns the most that the engine held meanwhile.
func (b *battle) watchMemory(length time.Duration) (mb float64, err error) {
	const every = 100 * time.Millisecond
	most := int64(0)
	for end := time.Now().Add(length); time.Now().Before(end); {
		most = max(most, b.run.sampler.rss())
		if err := pause(b.run.ctx, min(every, time.Until(end))); err != nil {
			return 0, err
		}
	}
	b.peak = max(b.peak, most)
	return float64(most) / 1e6, nil
}

// arrived waits until no position of the measured time comes any more, so that
// the slowest are counted too.
func (b *battle) arrived() error {
	for before := int64(-1); ; {
		if err := pause(b.run.ctx, stillness); err != nil {
			return err
		}
		h, _, _ := b.run.fleet.hists()
		if h.TotalCount() == before {
			return nil
		}
		before = h.TotalCount()
	}
}

// counted are the metrics of the engine that say how it met attacks.
var counted = []string{"processor_live_refusals_total", "processor_live_refused_requests_total", "processor_live_closes_total",
	"processor_live_ring_overflows_total", "processor_live_accept_pauses_total", "processor_live_shed_connections_total", "processor_live_read_panics_total"}

// account notes what was done in a phase, and what came of it. Attackers have
// told all that they did once they rest; they did so for longer than the phase
// was measured.
func (b *battle) account(p *report.Phase, before, after glance, kinds []string, longer time.Duration) {
	seconds := after.at.Sub(before.at).Seconds()
	p.EngineCores = after.engine.Since(before.engine).CPU().Seconds() / seconds
	p.AttackerCores = after.army.Since(before.army).CPU().Seconds() / seconds
	p.Metrics = map[string]float64{}
	for series, n := range after.metrics.Since(before.metrics) {
		name, _, _ := strings.Cut(series, "{")
		if n > 0 && slices.Contains(counted, name) {
			p.Metrics[series] = n
		}
	}
	told := b.army.tally()
	for _, k := range kinds {
		a := report.Attack{Made: told.Made[k] - before.tally.Made[k], Answers: map[string]int64{}}
		a.PerSecond = float64(a.Made) / (p.Seconds + longer.Seconds())
		for text, n := range told.Answers[k] {
			if n -= before.tally.Answers[k][text]; n > 0 {
				a.Answers[text] = n
			}
		}
		p.Attacks[k] = a
	}
}

// conclude waits until the engine has had time to forget, and says what has
// come of it all.
func (b *battle) conclude(rest time.Duration, heapBefore float64, kinds []string) error {
	r := b.run
	r.say.phase("letting the engine forget", rest)
	if err := pause(r.ctx, rest); err != nil {
		return err
	}
	heapAfter, err := b.heap()
	if err != nil {
		return err
	}
	quiet, worst := b.phases[0], b.phases[len(b.phases)-1]
	r.out.Siege = &report.Siege{
		Phases: b.phases, HeapBeforeMB: heapBefore, HeapAfterMB: heapAfter,
		QuietMB: quiet.PeakMB, PeakMB: float64(b.peak) / 1e6, AfterMB: float64(r.sampler.rss()) / 1e6,
		Ratio50: worst.P50 / max(quiet.P50, 0.001), Ratio99: worst.P99 / max(quiet.P99, 0.001), // a histogram begins at 1 µs
	}
	r.out.Broken = append(r.out.Broken, unmet(b.phases, kinds)...)
	r.out.Broken = append(r.out.Broken, r.out.Siege.Exceeded()...)
	r.out.Notes = append(r.out.Notes, "the engine ran with "+strings.Join(r.guard.args, " "))
	return nil
}
