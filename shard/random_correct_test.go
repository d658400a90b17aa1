package shard

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"pitwall/codec"
)

// faults is what the table of a random schedule knows of a device: its good
// positions, in order, and those that were marked faulty.
type faults struct{ good, bad []Stamp }

func (f *faults) has(ts int64) bool {
	return slices.ContainsFunc(f.bad, func(s Stamp) bool { return s.TS == ts })
}

// knows reports whether a position of that device time was shown.
func (f *faults) knows(ts int64) bool {
	return f.has(ts) || slices.ContainsFunc(f.good, func(s Stamp) bool { return s.TS == ts })
}

// liveTime is the time under which a position is shown.
func (s Stamp) liveTime() int64 {
	if s.TS > s.Arrival+5000 {
		return s.Arrival
	}
	return s.TS
}

// newer orders stamps by live time and then by the device's own.
func (s Stamp) newer(than Stamp) int {
	return cmp.Or(cmp.Compare(s.liveTime(), than.liveTime()), cmp.Compare(s.TS, than.TS))
}

// after returns the bad ones that are newer than good, or did not arrive before it, newest
// first.
func (f *faults) after(good Stamp) []Stamp {
	list := slices.DeleteFunc(slices.Clone(f.bad), func(s Stamp) bool {
		return s.newer(good) <= 0 && s.Arrival < good.Arrival
	})
	slices.SortFunc(list, func(a, b Stamp) int { return b.newer(a) })
	return list
}

// mark marks some of the newest good positions as faulty; of spared ones the
// table does not know yet. It returns what the table then tells of device d.
func (f *faults) mark(d string, n, spared int) Correction {
	to := max(0, len(f.good)-spared)
	from := max(0, to-n)
	f.bad = append(f.bad, f.good[from:to]...)
	f.good = append(f.good[:from:from], f.good[to:]...)
	x, good := Correction{Device: d}, Stamp{}
	if from > 0 {
		good = f.good[from-1]
		x.Good = &codec.Position{DeviceID: d, TS: good.TS, Arrival: good.Arrival, Lat: float64(good.TS % 90), Lon: 1}
	}
	x.Faulty = f.after(good)
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
		var good Stamp
		if list := w.faults[d].good; len(list) > 0 {
			good = list[len(list)-1]
		}
		if c := w.clocks[d]; c.ts != good.TS { // it falls back
			*c = dial{mark: good.liveTime(), ts: good.TS, arrival: good.Arrival, made: good.liveTime() != good.TS, aheadTS: c.aheadTS, aheadAt: c.aheadAt}
			w.last[d] = c.mark
		}
	}
	for i := range w.core.workers {
		w.turn(i)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if w.core.Correct(ctx, list) == nil {
		w.t.Fatal("Correct did not wait for the shards")
	}
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
			for _, n := range d.nodes {
				if n.part.topic.event == e {
					m[id] = true
				}
			}
		}
	}
	return m
}
