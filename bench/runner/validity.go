package runner

import (
	"fmt"
	"time"

	"pitwall/bench/report"
)

// Bounds beyond which a run says more about the harness or the machine than
// about Pitwall.
const (
	mostLate   = 50 * time.Millisecond  // the publisher, p99
	mostStall  = 250 * time.Millisecond // a turn of a process of spectators, or a tick of ours
	mostBusy   = 0.9                    // a process of spectators, of a core
	mostSteal  = 0.02                   // of the machine's time
	mostOthers = 0.08                   // of the machine's time, used by processes that are not ours
	leastSent  = 0.97                   // of the records that were to be published
)

// validate says whether the run's figures may be believed.
func (r *run) validate(t tally) {
	a, b := r.sampler.first, r.sampler.last
	say := func(format string, v ...any) { r.out.Why = append(r.out.Why, fmt.Sprintf(format, v...)) }
	late := time.Duration(r.sampler.late.ValueAtQuantile(99)) * time.Microsecond
	overload := r.scenario.Overload || r.opt.Ramp != "" // the last step is meant to be too much, and says itself what broke
	if late > mostLate && !overload {
		say("the publisher was behind its schedule: p99 %v late, allowed are %v", late.Round(time.Millisecond), mostLate)
	}
	if sent := r.out.Figures["records_per_s"]; sent < leastSent*r.plan.Rate && !overload {
		say("the publisher sent %.0f records/s of %.0f", sent, r.plan.Rate)
		r.out.OtherLoad = true
	}
	if t.stall > mostStall {
		say("a process of spectators was busy or held up for %v at a time, allowed are %v", t.stall.Round(time.Millisecond), mostStall)
	}
	if r.sampler.slept > mostStall {
		say("the harness stood still for %v", r.sampler.slept.Round(time.Millisecond))
	}
	if r.sampler.busiest > mostBusy {
		say("a process of spectators used %.2f of a core: the clients were the bottleneck", r.sampler.busiest)
	}
	machine := b.machine.Since(a.machine)
	all := machine.All().Seconds()
	if steal := machine.Steal.Seconds() / all; steal > mostSteal {
		say("%.1f %% of the processors' time went to other machines (steal)", 100*steal)
	}
	if r.stack.Own() {
		if others := r.others((machine.Busy - machine.SoftIRQ).Seconds()) / all; others > mostOthers {
			say("%.1f %% of the processors' time went to other processes of this machine", 100*others)
		}
	}
	if v := t.counts.Refused; v > 0 {
		say("%s refused: %s", report.Count(v, "connection"), t.fault)
		r.out.OtherLoad = true
	}
	r.out.Valid = len(r.out.Why) == 0
}

// others is the processor time, in s, that none of our processes has used: what
// can be seen of other processes, or what is left of the time in which the
// machine was busy. In a container the rest is more than can be seen. Softirq
// counts for nobody, as it is not known who caused it.
func (r *run) others(busy float64) float64 {
	a, b := r.sampler.first, r.sampler.last
	busy -= b.engines.Since(a.engines).CPU().Seconds() + b.redis.Since(a.redis).CPU().Seconds() +
		b.postgres.Since(a.postgres).CPU().Seconds() + b.own.Since(a.own).CPU().Seconds()
	for i := range b.workers {
		busy -= b.workers[i].Since(a.workers[i]).CPU().Seconds()
	}
	attackers, _ := r.attackers.used() // since their start, which is in the steady phase; they run until the run stops
	return max(r.sampler.others.Seconds(), busy-attackers.CPU().Seconds())
}
