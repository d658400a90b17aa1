package runner

import (
	"slices"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/scenario"
)

// leastPhase is the minimum length of a phase.
const leastPhase = 500 * time.Millisecond

// stillness is longer than the interval of the spectators' statuses. At least twice this
// time passes after the end of each phase.
const stillness = 700 * time.Millisecond

// Time before the measured part of a phase. Sessions must accumulate before they
// delay anybody. For pings, the memory is first read while their connections are
// silent.
const (
	gathering = 8 * time.Second
	silence   = attack.Idle + 1500*time.Millisecond
)

// lead is how long attacks run before their phase is measured.
func lead(kinds []string) time.Duration {
	switch {
	case slices.Contains(kinds, attack.Sessions):
		return gathering
	case slices.Equal(kinds, []string{attack.Pings}):
		return silence
	}
	return 0
}

// schedule divides the steady phase of a run with attacks.
type schedule struct {
	load              map[string]float64 // of the attacks
	kinds             []string           // of attacks to make
	long, short, rest time.Duration      // length of the quiet phase and that with all attacks; of each attack alone; after all
	shared            int                // number of attacks whose phases share the duration of the plan
	extra             time.Duration      // on top of the duration of the plan: for the other attacks and the leads
}

// newSchedule divides the steady phase among the attacks.
func newSchedule(p *scenario.Plan) (s schedule, err error) {
	if s.load, err = loads(p.Attack); err != nil {
		return s, err
	}
	for _, k := range attack.Kinds() {
		if s.load[k.Name] > 0 {
			s.kinds = append(s.kinds, k.Name)
			if !k.Apart {
				s.shared++
			}
		}
	}
	s.rest = p.Duration / 12
	whole := p.Duration - s.rest - time.Duration(s.shared+2)*2*stillness
	s.long, s.short = whole/5, whole*3/5/time.Duration(max(1, s.shared))
	s.extra = lead(s.kinds)
	for _, name := range s.kinds {
		if attack.Find(name).Apart {
			s.extra += lead([]string{name}) + s.short + 2*stillness
		}
	}
	return s, nil
}

// extraDuration is how much longer the steady phase is than the duration of the plan.
func (r *run) extraDuration() time.Duration {
	if !r.scenario.Guarded {
		return 0
	}
	s, _ := newSchedule(&r.plan) // the names of attacks have been checked
	return s.extra
}
