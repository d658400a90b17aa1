package db

import (
	"cmp"
	"slices"

	"pitwall/codec"
)

// tally says what became of n positions: inserted went in, extras added
// attributes to a row, those at conflicts differ from it, and the rest are
// duplicates.
func tally(n, inserted, extras int, conflicts []int) InsertResult {
	return InsertResult{Inserted: inserted, Extras: extras, Duplicates: n - inserted - extras - len(conflicts), Conflicts: conflicts}
}

// inKeyOrder returns the indexes of batch by device and time, equal keys in
// the order given. Two processes that insert the same keys in one order wait
// for one another instead of in a circle, and the index is walked along.
func inKeyOrder(batch []codec.Position) []int {
	order := make([]int, len(batch))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &batch[i], &batch[j]
		return cmp.Or(cmp.Compare(a.DeviceID, b.DeviceID), cmp.Compare(a.TS, b.TS))
	})
	return order
}

// twice says whether two positions of a batch have one key. order is that of
// inKeyOrder.
func twice(batch []codec.Position, order []int) bool {
	for i := 1; i < len(order); i++ {
		a, b := &batch[order[i-1]], &batch[order[i]]
		if a.TS == b.TS && a.DeviceID == b.DeviceID {
			return true
		}
	}
	return false
}

// optional returns v when p has it, nil otherwise, which is NULL.
func optional[T any](p *codec.Position, has codec.Fields, v *T) *T {
	if p.Has&has == 0 {
		return nil
	}
	return v
}

// textOrNull returns s, or nil when it is empty.
func textOrNull(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

// stored is a row of positions as it is scanned, with what else is known of its
// device: everything but device is nil where there is no good position.
type stored struct {
	device             string
	ts, received       *int64
	lat, lon           *float64
	alt, speed, course *float64
	sats, priority     *int64
	codec, attributes  *string
	faultyUpTo         *int64
}

// columns of stored, for both dialects, which put their own times.
const storedColumns = `lat, lon, alt, speed, course, sats, priority, codec, attributes`

func (r *stored) dest() []any {
	return []any{&r.device, &r.lat, &r.lon, &r.alt, &r.speed, &r.course, &r.sats, &r.priority, &r.codec, &r.attributes,
		&r.ts, &r.received, &r.faultyUpTo}
}

// last fills l, using p for its good position.
func (r *stored) last(l *Last, p *codec.Position) {
	*l = Last{Device: r.device}
	if r.faultyUpTo != nil {
		l.FaultyUpTo = *r.faultyUpTo
	}
	if r.ts != nil {
		r.position(p)
		l.Good = p
	}
}

// position fills p, whose strings are those that the driver made.
func (r *stored) position(p *codec.Position) {
	*p = codec.Position{DeviceID: r.device, TS: *r.ts, Arrival: *r.received, Lat: *r.lat, Lon: *r.lon}
	take(p, codec.HasAlt, r.alt, &p.Alt)
	take(p, codec.HasSpeed, r.speed, &p.Speed)
	take(p, codec.HasCourse, r.course, &p.Course)
	takeInt(p, codec.HasSats, r.sats, &p.Sats)
	takeInt(p, codec.HasPriority, r.priority, &p.Priority)
	if r.codec != nil {
		p.Codec = *r.codec
	}
	if r.attributes != nil {
		p.Attributes = codec.Attributes(*r.attributes)
	}
}

func take(p *codec.Position, has codec.Fields, from, to *float64) {
	if from != nil {
		*to = *from
		p.Has |= has
	}
}

func takeInt(p *codec.Position, has codec.Fields, from *int64, to *int32) {
	if from != nil && int64(int32(*from)) == *from {
		*to = int32(*from)
		p.Has |= has
	}
}
