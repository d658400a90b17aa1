package runner

import (
	"context"
	"fmt"
	"time"

	"pitwall/bench/internal/pause"
	"pitwall/bench/report"
)

// What a ramp can raise.
const (
	rampConnections = "connections"
	rampRate        = "rate"
)

// mostBehind is the highest lag of the archive at any step, in ms.
const mostBehind = 2000

// ramp raises the load in steps until the objective is missed or the value of the plan
// is reached.
func (r *run) ramp() error {
	load, most := float64(min(r.opt.From, r.plan.Connections)), float64(r.plan.Connections)
	if r.opt.Ramp == rampRate {
		load, most = r.startRate(), r.plan.Rate
	}
	for {
		step, err := r.step(load)
		if err != nil {
			return err
		}
		r.out.Ramp = append(r.out.Ramp, step)
		if !step.Kept || load >= most {
			if r.opt.Ramp == rampConnections {
				r.plan.Connections = int(load) // the figures are those of this step
			}
			r.out.Capacity = r.capacity()
			return nil
		}
		more := min(load*r.opt.Grow, most)
		if r.opt.Ramp == rampRate {
			r.publisher.SetRate(more)
		} else if err := r.grow(int(more)-int(load), time.Second); err != nil {
			return err
		}
		load = more
		if err := pause.For(r.ctx, time.Second); err != nil { // the effects of the change are not part of the step
			return err
		}
	}
}

// startRate is the rate at which publishing starts. A ramp of the rate starts with the
// warm-up at the rate of its first step, so that no backlog is left from before.
func (r *run) startRate() float64 {
	if r.opt.Ramp == rampRate {
		return min(float64(r.opt.From), r.plan.Rate)
	}
	return r.plan.Rate
}

// step measures one step.
func (r *run) step(load float64) (report.Step, error) {
	r.progress.phase(fmt.Sprintf("measuring %s %s", report.Number(load), r.opt.ramped()), r.opt.Step)
	before, err := r.clients.tally()
	if err != nil {
		return report.Step{}, err
	}
	r.began = time.Now()
	r.ends = r.began.Add(r.opt.Step)
	if err := r.clients.measure(r.began, r.ends); err != nil {
		return report.Step{}, err
	}
	r.sampler = newSampler(r.stack, r.clients, r.publisher)
	ctx, cancel := context.WithDeadline(r.ctx, r.ends)
	defer cancel()
	if err := r.sampler.run(ctx, r.progress); err != nil {
		return report.Step{}, err
	}
	if err := pause.For(r.ctx, r.opt.P99+time.Second); err != nil { // for positions that are late, and the next status
		return report.Step{}, err
	}
	after, err := r.clients.tally()
	if err != nil {
		return report.Step{}, err
	}
	a, b := r.sampler.first, r.sampler.last
	seconds := b.at.Sub(a.at).Seconds()
	h := r.clients.measured().latency
	s := report.Step{Load: load, Deliveries: delivered(a, b) / seconds,
		P50: h.MS(50), P99: h.MS(99), CPU: b.engines.Since(a.engines).CPU().Seconds() / seconds}
	s.Why = r.missed(s, before, after, seconds)
	s.Kept = s.Why == ""
	if r.sampler.busiest > mostBusy {
		s.Why += " (a process of spectators was busy: more cannot be measured on this machine)"
	}
	if late := r.sampler.late.ValueAtQuantile(99); late > mostLate.Microseconds() {
		s.Why += " (the publisher was behind schedule: more cannot be sent from this machine)"
	}
	return s, nil
}

// missed says how a step has missed the objective, "" if it has not.
func (r *run) missed(s report.Step, before, after tally, seconds float64) string {
	a, b := r.sampler.first, r.sampler.last
	overflows := b.metrics.Since(a.metrics).Sum("processor_live_ring_overflows_total")
	sent := float64(b.sent-a.sent) / seconds
	switch {
	case s.P99 > float64(r.opt.P99.Milliseconds()):
		return fmt.Sprintf("p99 is above %v", r.opt.P99)
	case after.counts.Violations() > before.counts.Violations() || after.counts.Lost > before.counts.Lost:
		return "positions or connections were lost"
	case r.opt.Ramp == rampRate && sent < leastSent*s.Load:
		return fmt.Sprintf("the publisher sent only %.0f records/s", sent)
	case r.plan.Archive && most(r.sampler.samples, func(x report.Sample) float64 { return x.ArchiveLag }) > mostBehind:
		return fmt.Sprintf("the archive was more than %d ms behind", mostBehind)
	case overflows > 0:
		return fmt.Sprintf("%.0f pushes to full rings, so spectators were conflated", overflows)
	case r.opt.MaxCPU > 0 && s.CPU > r.opt.MaxCPU:
		return fmt.Sprintf("the engine used more than %g cores", r.opt.MaxCPU)
	}
	return ""
}

// ramped is the unit of what a ramp raises.
func (c *Command) ramped() string {
	if c.Ramp == rampRate {
		return "records/s"
	}
	return "spectators"
}

// capacity is the result of the steps, in words.
func (r *run) capacity() string {
	what := r.opt.ramped()
	kept, last := report.Step{}, report.Step{}
	for _, s := range r.out.Ramp {
		if last = s; s.Kept {
			kept = s
		}
	}
	if kept.Load == 0 {
		return fmt.Sprintf("Not even %s %s are possible at p99 <= %v: %s.", report.Number(last.Load), what, r.opt.P99, last.Why)
	}
	text := fmt.Sprintf("This machine carries %s %s at p99 <= %v: %s deliveries/s, p99 %s ms, %.2f cores for the engine.",
		report.Number(kept.Load), what, r.opt.P99, report.Number(kept.Deliveries), report.Number(kept.P99), kept.CPU)
	if last.Kept {
		return text + " The ramp ended there; the machine may carry more."
	}
	return text + fmt.Sprintf(" At %s %s.", report.Number(last.Load), last.Why)
}
