package shard

import (
	"cmp"
	"maps"
	"slices"

	"pitwall/codec"
)

// faults is a model of the table: the good positions of one device, shown or not, in the
// order of the stream, and those that were marked faulty.
type faults struct {
	good, bad []Stamp
	stored    int // at least so many of good are in the table
}

func (f *faults) has(ts int64) bool {
	return slices.ContainsFunc(f.bad, func(s Stamp) bool { return s.TS == ts })
}

// knows reports whether there is a position with that device time.
func (f *faults) knows(ts int64) bool {
	return f.has(ts) || slices.ContainsFunc(f.good, func(s Stamp) bool { return s.TS == ts })
}

// ahead reports whether a position is dated by its arrival, late whether it was sent late.
func (s Stamp) ahead() bool { return s.TS > s.Arrival+5000 }
func (s Stamp) late() bool  { return s.TS < s.Arrival-5000 }

// liveTime is the time under which a position is shown, unless earlier ones change it.
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

// newestGood returns the newest of the list, as a query of the table finds it: each
// position is dated by itself, whatever was shown before. The zero Stamp means none.
func newestGood(list []Stamp) Stamp {
	var own, adjusted Stamp // the newest that is not ahead, and the newest that is
	for _, s := range list {
		switch {
		case !s.ahead() && s.TS > own.TS:
			own = s
		case s.ahead() && s.newer(adjusted) > 0:
			adjusted = s
		}
	}
	last := adjusted.Arrival
	for _, s := range list {
		if s.ahead() && s.Arrival >= last-1000 && s.TS > adjusted.TS {
			adjusted = s
		}
	}
	if own.late() && own.TS > adjusted.Arrival || !own.late() && own.Arrival > adjusted.Arrival {
		return own
	}
	return adjusted
}

// beyond returns the bad positions that are newer than good, or that did not arrive before
// it and were not sent late. The newest is first.
func (f *faults) beyond(good Stamp) []Stamp {
	list := slices.DeleteFunc(slices.Clone(f.bad), func(s Stamp) bool {
		return s.newer(good) <= 0 && (s.late() || s.Arrival < good.Arrival)
	})
	slices.SortFunc(list, func(a, b Stamp) int { return b.newer(a) })
	return list[:min(len(list), MaxFaulty)]
}

// mark marks n of the last good positions as faulty. The last of them, unstored ones, are
// not in the table yet and stay good. It returns the correction of device d.
func (f *faults) mark(d string, n, unstored int) Correction {
	to := max(f.stored, len(f.good)-unstored)
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

// publishFaulty sends a position of d once more that was marked faulty.
func (w *world) publishFaulty(d string) {
	bad := w.faults[d].bad
	if len(bad) == 0 {
		return
	}
	again := pick(w, bad)
	w.sendPosition(codec.Position{DeviceID: d, TS: again.TS, Arrival: again.Arrival, Lat: 1, Lon: 1})
	w.perhapsTurn(d)
}

// correct marks positions of up to three devices as faulty, all in one command. The shards
// first apply what was sent before, because the model does not know what is in an inbox. A
// map may still be applied. Sometimes the devices then go on from the older position at
// once, and change events.
func (w *world) correct() {
	var list []Correction
	var corrected []string
	for _, i := range w.rng.Perm(len(w.devices))[:min(len(w.devices), 1+w.rng.IntN(3))] {
		d, n, unstored := w.devices[i], 1+w.rng.IntN(3), 0
		switch w.rng.IntN(6) {
		case 0:
			n = len(w.faults[d].good)
		case 1:
			unstored = 1
		}
		list = append(list, w.faults[d].mark(d, n, unstored))
		corrected = append(corrected, d)
		w.clocks[d].corrected(list[len(list)-1])
		w.last[d] = w.clocks[d].mark
		if w.faults[d].has(w.clocks[d].ts) {
			w.t.Errorf("%s: the faulty position of %d is still shown after %+v", d, w.clocks[d].ts, list[len(list)-1])
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
	for _, d := range corrected {
		if ts := w.last[d] + 1; ts > 1 {
			w.sendAt(d, ts)
		}
	}
	w.change(corrected...)
}

// mayBeShown returns the devices that a new subscriber of e may be shown: those that the
// shards have in it, and those of the new map.
func (w *world) mayBeShown(e string) map[string]bool {
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
