package db

import (
	"cmp"
	"context"
	"math"
	"slices"

	"pitwall/codec"
	"pitwall/shard"
)

// lastQuery finds the last positions of some devices.
type lastQuery struct {
	searcher
	ruleAt
	devices    []deviceState
	unresolved []int   // indexes of devices whose newest row is not the answer
	probes     []probe // of the current step
	deviceOf   []int   // index of the device of each probe
}

// deviceState is what is known of one device.
type deviceState struct {
	device   string
	clocks   []shard.Clock  // by arrival
	rows     []datedRow     // rows that may be shown
	live     int64          // newest live time of rows; the least int64 for none
	best     datedRow       // the row to show, set by readTop
	shown    *stored        // all of that row; nil for none
	position codec.Position // of shown
	faulty   []shard.Stamp  // faulty rows that are newer, newest first
}

func newLastQuery(q searcher, devices []string, rule ruleAt) *lastQuery {
	l := &lastQuery{searcher: q, ruleAt: rule, devices: make([]deviceState, len(devices))}
	for i, d := range devices {
		l.devices[i] = deviceState{device: d, live: math.MinInt64}
	}
	return l
}

// reset empties the list of probes, and add appends one.
func (l *lastQuery) reset() { l.probes, l.deviceOf = l.probes[:0], l.deviceOf[:0] }

func (l *lastQuery) add(i int, low, high int64) {
	l.probes = append(l.probes, probe{l.devices[i].device, low, high})
	l.deviceOf = append(l.deviceOf, i)
}

// addAll replaces the probes by one for each device, at any time.
func (l *lastQuery) addAll() {
	l.reset()
	for i := range l.devices {
		l.add(i, math.MinInt64, math.MaxInt64)
	}
}

// run runs a search for all probes, if there are any.
func (l *lastQuery) run(ctx context.Context, s search, limit int, dest []any, found func(at int)) error {
	if len(l.probes) == 0 {
		return nil
	}
	return l.each(ctx, s, l.probes, limit, dest, found)
}

// rows runs a search for whole rows, and calls fn with the index of the device.
func (l *lastQuery) rows(ctx context.Context, s search, fn func(i int, r *stored)) error {
	var r stored
	return l.run(ctx, s, 0, r.dest(), func(at int) {
		row := r // the driver allocates the values for each row
		fn(l.deviceOf[at], &row)
	})
}

// rowTimes runs a search for the times of rows, and calls fn with the index of the
// probe.
func (l *lastQuery) rowTimes(ctx context.Context, s search, limit int, fn func(at int, m rowTime)) error {
	var m rowTime
	return l.run(ctx, s, limit, []any{&m.ts, &m.received}, func(at int) { fn(at, m) })
}

func (l *lastQuery) readClocks(ctx context.Context) error {
	l.addAll()
	var c shard.Clock
	err := l.run(ctx, searchClocks, 0, []any{&c.Since, &c.Offset}, func(at int) {
		d := &l.devices[l.deviceOf[at]]
		c.Device = d.device
		d.clocks = append(d.clocks, c)
	})
	for i := range l.devices {
		slices.SortFunc(l.devices[i].clocks, func(a, b shard.Clock) int { return cmp.Compare(a.Since, b.Since) })
	}
	return err
}

// readNewest reads the newest row of each device. If it is shown under its own time and
// no clock was ever wrong, it is the answer: no live time is later than the row's own
// time, so no other row can be newer.
func (l *lastQuery) readNewest(ctx context.Context) error {
	l.addAll()
	return l.rows(ctx, searchNewest, func(i int, r *stored) {
		d := &l.devices[i]
		if r.showable() {
			l.addRow(d, r.rowTime())
			if len(d.rows) > 0 && !d.rows[0].byArrival && len(d.clocks) == 0 && l.difference == 0 {
				d.shown = r
				return
			}
		}
		l.unresolved = append(l.unresolved, i)
	})
}

// addRow adds a row that may be shown.
func (l *lastQuery) addRow(d *deviceState, m rowTime) {
	if row, ok := l.dateRow(m, d.clocks); ok {
		d.rows = append(d.rows, row)
		d.live = max(d.live, row.live)
	}
}

// readOffsets reads the last rows of each period with a wrong clock. Their live times
// are later than their own, so a search from the newest row down does not find them.
func (l *lastQuery) readOffsets(ctx context.Context) error {
	l.reset()
	for _, i := range l.unresolved {
		l.eachOffset(l.devices[i].clocks, func(_, newest int64) { l.add(i, math.MinInt64, newest+1) })
	}
	return l.readGood(ctx, pageRows, func(int, int64) {})
}

// readGood adds the rows of all probes, at most size each. For each probe that found
// size rows it calls full with the device and the least time of them.
func (l *lastQuery) readGood(ctx context.Context, size int, full func(i int, least int64)) error {
	rows, least := make([]int, len(l.probes)), make([]int64, len(l.probes))
	err := l.rowTimes(ctx, searchGood, size, func(at int, m rowTime) {
		l.addRow(&l.devices[l.deviceOf[at]], m)
		if rows[at]++; rows[at] == 1 || m.ts < least[at] {
			least[at] = m.ts
		}
	})
	for at, i := range l.deviceOf {
		if rows[at] >= size {
			full(i, least[at])
		}
	}
	return err
}

// readTop reads from the newest row down, as long as an older row may have a newer live
// time. The last page begins at the current time, because the rows above may all come
// from a clock that was ahead.
func (l *lastQuery) readTop(ctx context.Context) error {
	next := map[int]int64{} // device to the time at which its next page begins
	for _, i := range l.unresolved {
		next[i] = math.MaxInt64
	}
	for page, size := range topPages {
		l.reset()
		for i, high := range next {
			if page == len(topPages)-1 {
				high = min(high, l.now+l.tolerance+1)
			}
			l.add(i, l.floor(&l.devices[i]), high)
		}
		clear(next)
		err := l.readGood(ctx, size, func(i int, least int64) {
			if least > l.floor(&l.devices[i]) {
				next[i] = least
			}
		})
		if err != nil {
			return err
		}
	}
	for _, i := range l.unresolved {
		l.devices[i].best, _ = newestOf(l.devices[i].rows)
	}
	return nil
}

// floor returns the time at or before which no row can be the one to show. It subtracts
// the tolerance twice, because each of two rows may be off by it. It also subtracts the
// difference of the clocks, which may make a later arrival look earlier.
func (l *lastQuery) floor(d *deviceState) int64 {
	if d.live == math.MinInt64 {
		return math.MinInt64
	}
	return d.live - 2*l.tolerance - abs(l.difference) - arrivalSlack - 1
}

// readFaulty reads the faulty rows that are newer than the one to show.
func (l *lastQuery) readFaulty(ctx context.Context) error {
	l.reset()
	for _, i := range l.unresolved {
		d := &l.devices[i]
		l.add(i, l.floor(d), math.MaxInt64)
		l.eachOffset(d.clocks, func(_, newest int64) { l.add(i, math.MinInt64, newest+1) })
	}
	found := map[int][]liveStamp{}
	err := l.rowTimes(ctx, searchFaulty, 0, func(at int, m rowTime) {
		i := l.deviceOf[at]
		d := &l.devices[i]
		if row, ok := l.dateRow(m, d.clocks); ok && row.newerThan(d.best) {
			found[i] = append(found[i], liveStamp{m.stamp(), row.live})
		}
	})
	for i, list := range found {
		l.devices[i].faulty = newestStamps(list)
	}
	return err
}

// newerThan reports whether d is newer than best: its live time is newer, or it was sent
// live and did not arrive before best.
func (d datedRow) newerThan(best datedRow) bool {
	if best == (datedRow{}) || d.live > best.live || d.live == best.live && d.ts > best.ts {
		return true
	}
	return d.sentLive && best.received != nil && *d.received >= *best.received && d.ts != best.ts
}

// liveStamp is a faulty row with its live time.
type liveStamp struct {
	shard.Stamp
	live int64
}

// newestStamps returns the newest of list, the newest first, without repeats.
func newestStamps(list []liveStamp) []shard.Stamp {
	slices.SortFunc(list, func(a, b liveStamp) int {
		return cmp.Or(cmp.Compare(b.live, a.live), cmp.Compare(b.TS, a.TS), cmp.Compare(b.Arrival, a.Arrival))
	})
	list = slices.Compact(list)
	stamps := make([]shard.Stamp, min(len(list), shard.MaxFaulty))
	for k := range stamps {
		stamps[k] = list[k].Stamp
	}
	return stamps
}

// readRows reads the rows to show of the unresolved devices in full.
func (l *lastQuery) readRows(ctx context.Context) error {
	l.reset()
	for _, i := range l.unresolved {
		if d := &l.devices[i]; d.live != math.MinInt64 {
			l.add(i, d.best.ts-1, d.best.ts+1)
		}
	}
	return l.rows(ctx, searchShown, func(i int, r *stored) { l.devices[i].shown = r })
}

// readExtras fills in the positions, with the attributes that later records added.
func (l *lastQuery) readExtras(ctx context.Context) error {
	l.reset()
	for i := range l.devices {
		d := &l.devices[i]
		if d.shown == nil {
			continue
		}
		d.shown.position(d.device, &d.position)
		d.position.Untimed = d.best.untimed
		l.add(i, d.position.TS, 0)
	}
	var attributes string
	return l.run(ctx, searchExtras, 0, []any{&attributes}, func(at int) {
		p := &l.devices[l.deviceOf[at]].position
		if more := jsonObject(attributes); more != "" {
			p.Attributes = codec.Attributes(codec.MergeAttributes(nil, p.Attributes, more))
		}
	})
}
