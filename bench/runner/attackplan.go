package runner

import (
	"slices"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/scenario"
)

// leastPhase is the shortest time in which an attack shows anything.
const leastPhase = 500 * time.Millisecond

// stillness is longer than the time between two statuses of spectators. After
// its end each phase takes twice this time.
const stillness = 700 * time.Millisecond

// Time before the measured part of a phase. Sessions have to add up before they
// hold anybody up. Of pings the memory is read while their connections are
// silent.
const (
	gathering = 8 * time.Second
	silence   = attack.Idle + 1500*time.Millisecond
)

// lead is how long attacks are under way before a phase with them is measured.
func lead(kinds []string) time.Duration {
	switch {
	case slices.Contains(kinds, attack.Sessions):
		return gathering
	case slices.Equal(kinds, []string{attack.Pings}):
		return silence
	}
	return 0
}

// schedule is how the steady phase of a run with attacks is divided.
type schedule struct {
	load              map[string]float64 // of the attacks
	kinds             []string           // that are to be made
	long, short, rest time.Duration      // quiet, and all attacks at once; each attack alone; after them
	shared            int                // attacks whose phases alone share the plan's duration
	extra             time.Duration      // on top of the plan's duration: for attacks apart, and the leads
}

// newSchedule divides the steady phase among the attacks that are to be made.
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

// extraDuration is by how much the steady phase is longer than the plan's
// duration.
func (r *run) extraDuration() time.Duration {
	if !r.scenario.Guarded {
		return 0
	}
	s, _ := newSchedule(&r.plan) // the names of attacks were checked
	return s.extra
}
