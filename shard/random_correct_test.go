package shard

import (
	"cmp"
	"maps"
	"slices"

	"pitwall/codec"
)

// faults is what the table of a random schedule has of a device: the good
// positions, shown or not, in the order of the stream, and those that were marked
// faulty.
type faults struct {
	good, bad []Stamp
	stored    int // of good, at least so many are in the table
}

func (f *faults) has(ts int64) bool {
	return slices.ContainsFunc(f.bad, func(s Stamp) bool { return s.TS == ts })
}

// knows reports whether there is a position of that device time.
func (f *faults) knows(ts int64) bool {
	return f.has(ts) || slices.ContainsFunc(f.good, func(s Stamp) bool { return s.TS == ts })
}

// ahead reports whether a position is dated by its arrival, late whether it was sent
// late.
func (s Stamp) ahead() bool { return s.TS > s.Arrival+5000 }
func (s Stamp) late() bool  { return s.TS < s.Arrival-5000 }

// liveTime is the time under which a position is shown, if what came before allows.
func (s Stamp) liveTime() int64 {
	if s.ahead() {
		return s.Arrival
	}
	return s.TS
}

// newer orders stamps by live time and then by the device's own.
func (s Stamp) newer(than Stamp) int {
	return cmp.Or(cmp.Compare(s.liveTime(), than.liveTime()), cmp.Compare(s.TS, than.TS))
}

// newestGood is the position of list that the table shows: it dates each by itself,
// whatever was shown before. The zero Stamp is none.
func newestGood(list []Stamp) Stamp {
	var own, made Stamp
	for _, s := range list {
		switch {
		case !s.ahead() && s.TS > own.TS:
			own = s
		case s.ahead() && s.newer(made) > 0:
			made = s
		}
	}
	last := made.Arrival
	for _, s := range list {
		if s.ahead() && s.Arrival >= last-1000 && s.TS > made.TS {
			made = s
		}
	}
	if own.late() && own.TS > made.Arrival || !own.late() && own.Arrival > made.Arrival {
		return own
	}
	return made
}

// beyond returns the bad ones that are newer than good, or did not arrive before it
// and were not sent late, newest first.
func (f *faults) beyond(good Stamp) []Stamp {
	list := slices.DeleteFunc(slices.Clone(f.bad), func(s Stamp) bool {
		return s.newer(good) <= 0 && (s.late() || s.Arrival < good.Arrival)
	})
	slices.SortFunc(list, func(a, b Stamp) int { return b.newer(a) })
	return list[:min(len(list), MaxFaulty)]
}

// mark marks some of the last good positions as faulty; of spared ones the
// table does not know yet. It returns what the table then tells of device d.
func (f *faults) mark(d string, n, spared int) Correction {
	to := max(f.stored, len(f.good)-spared)
	from := max(0, to-n)
	f.bad = append(f.bad, f.good[from:to]...)
	f.good = append(f.good[:from:from], f.good[to:]...)
	f.stored = from
	x, good := Correction{Device: d}, newestGood(f.good[:from])
	if from > 0 {
		x.Good = &codec.Position{DeviceID: d, TS: good.TS, Arrival: good.Arrival, Lat: float64(good.TS % 90), Lon: 1}
	}
	x.Faulty = f.beyond(good)
	return x
}

// publishFaulty sends a position of d again that was marked faulty.
func (w *world) publishFaulty(d string) {
	bad := w.faults[d].bad
	if len(bad) == 0 {
		return
	}
	again := pick(w, bad)
	w.sendPosition(codec.Position{DeviceID: d, TS: again.TS, Arrival: again.Arrival, Lat: 1, Lon: 1})
	w.perhapsTurn(d)
}

// correct marks positions of up to three devices as faulty, all in one command.
// What was sent before is taken in first, for the model does not know what is
// under way; a map may be. At times the devices go on from the older position at
// once, and move.
func (w *world) correct() {
	var list []Correction
	var fallen []string
	for _, i := range w.rng.Perm(len(w.devices))[:min(len(w.devices), 1+w.rng.IntN(3))] {
		d, n, spared := w.devices[i], 1+w.rng.IntN(3), 0
		switch w.rng.IntN(6) {
		case 0:
			n = len(w.faults[d].good)
		case 1:
			spared = 1
		}
		list = append(list, w.faults[d].mark(d, n, spared))
		fallen = append(fallen, d)
		w.clocks[d].corrected(list[len(list)-1])
		w.last[d] = w.clocks[d].mark
		if w.faults[d].has(w.clocks[d].ts) {
			w.t.Errorf("%s: the faulty position of %d stays, by %+v", d, w.clocks[d].ts, list[len(list)-1])
		}
	}
	for i := range w.core.workers {
		w.turn(i)
	}
	w.correctLater(list...)
	for i := range w.core.workers {
		w.turn(i)
	}
	if w.rng.IntN(3) > 0 {
		return
	}
	for _, d := range fallen {
		if ts := w.last[d] + 1; ts > 1 {
			w.sendAt(d, ts)
		}
	}
	w.change(fallen...)
}

// there are the devices that a new subscriber of e may be shown: those that the
// shards have in it, and those of the map in force.
func (w *world) there(e string) map[string]bool {
	m := maps.Clone(w.members[e])
	for d := range m {
		if !m[d] {
			delete(m, d)
		}
	}
	for _, k := range w.core.workers {
		for id, d := range k.devices {
			for _, n := range d.memberships {
				if n.shard.topic.event == e {
					m[id] = true
				}
			}
		}
	}
	return m
}
