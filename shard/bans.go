package shard

import (
	"slices"

	"pitwall/codec"
)

// bans are the positions of a device that its last correction named as faulty. They
// may arrive after the correction, or once more when the stream is read again.
type bans struct {
	times []int64 // their own times, ascending
	// Set if there are too many to name: every position whose live time is later than
	// above, and not later than upTo, is banned.
	above, upTo int64
}

// bansOf returns the positions of device d that x bans, nil if it bans none. good is the
// live time of x's good position.
func (w *worker) bansOf(d *device, x *Correction, good int64) *bans {
	if len(x.Faulty) == 0 {
		return nil
	}
	b := &bans{times: make([]int64, 0, min(len(x.Faulty), MaxFaulty))}
	for _, s := range x.Faulty[:cap(b.times)] {
		b.times = append(b.times, s.TS)
	}
	if len(b.times) == MaxFaulty {
		oldest := x.Faulty[MaxFaulty-1]
		b.above = good
		b.upTo, _ = w.date(d, &codec.Position{TS: oldest.TS, Arrival: oldest.Arrival})
	}
	slices.Sort(b.times)
	return b
}

// has reports whether a position is banned. ts is its device time, live its live time.
func (b *bans) has(ts, live int64) bool {
	if b == nil {
		return false
	}
	if live > b.above && live <= b.upTo {
		return true
	}
	_, is := slices.BinarySearch(b.times, ts)
	return is
}
