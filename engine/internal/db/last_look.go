package db

import (
	"cmp"
	"context"
	"math"
	"slices"

	"pitwall/codec"
	"pitwall/shard"
)

// look is one look for the last positions of some devices.
type look struct {
	probes
	judge
	of   []seen
	odd  []int // places of those whose newest row does not say it all
	asks []ask // of the step under way
	whom []int // whose they are
}

// seen is what is known of one device.
type seen struct {
	device   string
	clocks   []shard.Clock // by arrival
	newest   *stored
	rows     []dated // those that may be shown
	live     int64   // the newest live time of them; the least int64 when there is none
	best     dated   // the one to show, once it is chosen
	row      *stored
	position codec.Position // of row
	stamps   []shard.Stamp  // faulty
}

func newLook(q probes, devices []string, j judge) *look {
	l := &look{probes: q, judge: j, of: make([]seen, len(devices))}
	for i, d := range devices {
		l.of[i] = seen{device: d, live: math.MinInt64}
	}
	return l
}

// begin empties the list of asks, and add puts one on it.
func (l *look) begin() { l.asks, l.whom = l.asks[:0], l.whom[:0] }

func (l *look) add(i int, low, high int64) {
	l.asks = append(l.asks, ask{l.of[i].device, low, high})
	l.whom = append(l.whom, i)
}

// devices lists those that the look is for.
func (l *look) devices() []string {
	list := make([]string, len(l.of))
	for i := range l.of {
		list[i] = l.of[i].device
	}
	return list
}

func (l *look) readClocks(ctx context.Context) error {
	err := l.clocks(ctx, l.devices(), func(i int, c shard.Clock) { l.of[i].clocks = append(l.of[i].clocks, c) })
	for i := range l.of {
		slices.SortFunc(l.of[i].clocks, func(a, b shard.Clock) int { return cmp.Compare(a.Since, b.Since) })
	}
	return err
}

// readNewest reads the newest row of each device. A row that is shown under its
// own time says it all, unless its clock, or the server's, was wrong at some time:
// no live time is later than the device's own, so no other row is newer.
func (l *look) readNewest(ctx context.Context) error {
	return l.newest(ctx, l.devices(), func(i int, r *stored) {
		d := &l.of[i]
		d.newest = r
		if !r.shows() {
			l.odd = append(l.odd, i)
			return
		}
		l.consider(d, r.mark())
		if len(d.rows) > 0 && !d.rows[0].made && len(d.clocks) == 0 && l.difference == 0 {
			d.row = r
			return
		}
		l.odd = append(l.odd, i)
	})
}

// consider takes a row that may be shown into account.
func (l *look) consider(d *seen, m mark) {
	if row, ok := l.date(m, d.clocks); ok {
		d.rows = append(d.rows, row)
		d.live = max(d.live, row.live)
	}
}

// readFallen reads what each wrong clock gave last. These rows have live times
// later than their own, so they are not found from the newest row down.
func (l *look) readFallen(ctx context.Context) error {
	l.begin()
	for _, i := range l.odd {
		l.fallen(l.of[i].clocks, func(_, newest int64) { l.add(i, math.MinInt64, newest+1) })
	}
	return l.readGood(ctx, pageRows, func(int, int64) {})
}

// readGood considers what the asks find, at most size rows each. Of those that
// found so many, full is told the device and the least time.
func (l *look) readGood(ctx context.Context, size int, full func(i int, least int64)) error {
	if len(l.asks) == 0 {
		return nil
	}
	rows, least := make([]int, len(l.asks)), make([]int64, len(l.asks))
	err := l.good(ctx, l.asks, size, func(at int, m mark) {
		l.consider(&l.of[l.whom[at]], m)
		if rows[at]++; rows[at] == 1 || m.ts < least[at] {
			least[at] = m.ts
		}
	})
	for at, i := range l.whom {
		if rows[at] >= size {
			full(i, least[at])
		}
	}
	return err
}

// readTop goes down from the newest row, as long as older ones may be newer in
// live time. The last page begins at now: if all above are of a clock ahead,
// there are the rows that the device sent when its clock was right.
func (l *look) readTop(ctx context.Context) error {
	left := map[int]int64{} // the time that a device's next page begins at
	for _, i := range l.odd {
		left[i] = math.MaxInt64
	}
	for page, size := range topPages {
		l.begin()
		for i, high := range left {
			if page == len(topPages)-1 {
				high = min(high, l.now+l.tolerance+1)
			}
			l.add(i, l.floor(&l.of[i]), high)
		}
		clear(left)
		err := l.readGood(ctx, size, func(i int, least int64) {
			if least > l.floor(&l.of[i]) {
				left[i] = least
			}
		})
		if err != nil {
			return err
		}
	}
	for _, i := range l.odd {
		l.of[i].best, _ = newestOf(l.of[i].rows)
	}
	return nil
}

// floor is a time such that no row at it or before it can be the one to show. A
// row that arrived later than another may be earlier by what the clocks differ.
func (l *look) floor(d *seen) int64 {
	if d.live == math.MinInt64 {
		return math.MinInt64
	}
	return d.live - 2*l.tolerance - abs(l.difference) - madeUpSlack - 1
}

// readFaulty reads the faulty rows that are newer than what is shown.
func (l *look) readFaulty(ctx context.Context) error {
	l.begin()
	for _, i := range l.odd {
		d := &l.of[i]
		l.add(i, l.floor(d), math.MaxInt64)
		l.fallen(d.clocks, func(_, newest int64) { l.add(i, math.MinInt64, newest+1) })
	}
	if len(l.asks) == 0 {
		return nil
	}
	found := map[int][]liveStamp{}
	err := l.faulty(ctx, l.asks, func(at int, m mark) {
		i := l.whom[at]
		d := &l.of[i]
		if row, ok := l.date(m, d.clocks); ok && row.beyond(d.best) {
			found[i] = append(found[i], liveStamp{m.stamp(), row.live})
		}
	})
	for i, list := range found {
		l.of[i].stamps = newestStamps(list)
	}
	return err
}

// beyond reports whether d is newer than best, or did not arrive before it and was
// not sent late.
func (d dated) beyond(best dated) bool {
	if best == (dated{}) || d.live > best.live || d.live == best.live && d.ts > best.ts {
		return true
	}
	return d.current && best.received != nil && *d.received >= *best.received && d.ts != best.ts
}

// liveStamp is a faulty row with its live time.
type liveStamp struct {
	shard.Stamp
	live int64
}

// newestStamps returns the newest of list, once each, the newest first.
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

// readRows reads in full what is shown of the odd devices.
func (l *look) readRows(ctx context.Context) error {
	l.begin()
	for _, i := range l.odd {
		if d := &l.of[i]; d.live != math.MinInt64 {
			l.add(i, d.best.ts-1, d.best.ts+1)
		}
	}
	if len(l.asks) == 0 {
		return nil
	}
	return l.row(ctx, l.asks, func(at int, r *stored) { l.of[l.whom[at]].row = r })
}

// readExtras makes the positions, together with what later records added.
func (l *look) readExtras(ctx context.Context) error {
	l.begin()
	for i := range l.of {
		d := &l.of[i]
		if d.row == nil {
			continue
		}
		d.row.position(d.device, &d.position)
		d.position.Untimed = d.best.untimed
		l.add(i, d.position.TS, 0)
	}
	if len(l.asks) == 0 {
		return nil
	}
	return l.extras(ctx, l.asks, func(at int, attributes string) {
		p := &l.of[l.whom[at]].position
		if more := anObject(attributes); more != "" {
			p.Attributes = codec.Attributes(codec.MergeAttributes(nil, p.Attributes, more))
		}
	})
}
