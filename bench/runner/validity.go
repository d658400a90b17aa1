package runner

import (
	"fmt"
	"time"

	"pitwall/bench/report"
)

// Limits beyond which a run says more about the harness or the machine than about
// Pitwall.
const (
	mostLate   = 50 * time.Millisecond  // delay of the publisher, p99
	mostStall  = 250 * time.Millisecond // turn of a process of spectators, or delay of a tick of the harness
	mostBusy   = 0.9                    // CPU use of a process of spectators, in cores
	mostSteal  = 0.02                   // of the CPU time of the machine
	mostOthers = 0.08                   // of the CPU time of the machine, used by other processes
	leastSent  = 0.97                   // of the planned records
)

// validate decides whether the figures of the run can be trusted.
func (r *run) validate(t tally) {
	a, b := r.sampler.first, r.sampler.last
	say := func(format string, v ...any) { r.out.Why = append(r.out.Why, fmt.Sprintf(format, v...)) }
	late := time.Duration(r.sampler.late.ValueAtQuantile(99)) * time.Microsecond
	overload := r.scenario.Overload || r.opt.Ramp != "" // the last step of a ramp overloads on purpose, and reports what failed
	if late > mostLate && !overload {
		say("the publisher was behind schedule: p99 %v late, allowed are %v", late.Round(time.Millisecond), mostLate)
	}
	if sent := r.out.Figures["records_per_s"]; sent < leastSent*r.plan.Rate && !overload {
		say("the publisher sent %.0f records/s of %.0f", sent, r.plan.Rate)
		r.out.OtherLoad = true
	}
	if t.stall > mostStall {
		say("a process of spectators was busy or held up for %v at a time, allowed are %v", t.stall.Round(time.Millisecond), mostStall)
	}
	if r.sampler.slept > mostStall {
		say("the harness was held up for %v", r.sampler.slept.Round(time.Millisecond))
	}
	if r.sampler.busiest > mostBusy {
		say("a process of spectators used %.2f of a core: the clients were the bottleneck", r.sampler.busiest)
	}
	machine := b.machine.Since(a.machine)
	all := machine.All().Seconds()
	if steal := machine.Steal.Seconds() / all; steal > mostSteal {
		say("%.1f %% of the CPU time went to other machines (steal)", 100*steal)
	}
	if r.stack.Own() {
		if others := r.others((machine.Busy - machine.SoftIRQ).Seconds()) / all; others > mostOthers {
			say("%.1f %% of the CPU time went to other processes of this machine", 100*others)
		}
	}
	if v := t.counts.Refused; v > 0 {
		say("%s refused: %s", report.Count(v, "connection"), t.fault)
		r.out.OtherLoad = true
	}
	r.out.Valid = len(r.out.Why) == 0
}

// others is the CPU time of other processes, in s. It is the higher of two values: the
// time of the visible processes, and what remains of the busy time of the machine. In a
// container the second one is higher, because most processes are not visible. busy does
// not contain softirq time, because its cause is not known.
func (r *run) others(busy float64) float64 {
	a, b := r.sampler.first, r.sampler.last
	busy -= b.engines.Since(a.engines).CPU().Seconds() + b.redis.Since(a.redis).CPU().Seconds() +
		b.postgres.Since(a.postgres).CPU().Seconds() + b.own.Since(a.own).CPU().Seconds()
	for i := range b.workers {
		busy -= b.workers[i].Since(a.workers[i]).CPU().Seconds()
	}
	attackers, _ := r.attackers.used() // since their start, which is in the steady phase
	return max(r.sampler.others.Seconds(), busy-attackers.CPU().Seconds())
}
