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
	marks    []mark // of rows that may be shown
	best     mark   // the newest of them
	live     int64  // its live time; the least int64 when there is none
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
// own time says it all, unless the clock was wrong at some time: no live time
// is later than the device's own, so no other row is newer.
func (l *look) readNewest(ctx context.Context) error {
	return l.newest(ctx, l.devices(), func(i int, r *stored) {
		d := &l.of[i]
		d.newest = r
		if !r.shows() {
			l.odd = append(l.odd, i)
			return
		}
		l.consider(d, r.mark())
		_, made, ok := l.live(r.mark(), d.clocks)
		if ok && !made && len(d.clocks) == 0 {
			d.row = r
			return
		}
		l.odd = append(l.odd, i)
	})
}

// consider takes a row that may be shown into account.
func (l *look) consider(d *seen, m mark) {
	at, _, ok := l.live(m, d.clocks)
	if !ok {
		return
	}
	d.marks = append(d.marks, m)
	if at > d.live || at == d.live && m.ts > d.best.ts {
		d.best, d.live = m, at
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
			l.add(i, l.of[i].floor(), high)
		}
		clear(left)
		err := l.readGood(ctx, size, func(i int, least int64) {
			if least > l.of[i].floor() {
				left[i] = least
			}
		})
		if err != nil {
			return err
		}
	}
	for _, i := range l.odd {
		l.of[i].choose(&l.judge)
	}
	return nil
}

// floor is a time such that no row at it or before it can be the one to show.
func (d *seen) floor() int64 {
	if d.live == math.MinInt64 {
		return math.MinInt64
	}
	return d.live - madeUpSlack - 1
}

// choose settles which row is shown. Of those that are shown under their
// arrival, and came together, it is the one with the newest time of its own.
func (d *seen) choose(j *judge) {
	if d.live == math.MinInt64 {
		return
	}
	if _, made, _ := j.live(d.best, d.clocks); !made {
		return
	}
	newest := d.live
	for _, m := range d.marks {
		if at, made, _ := j.live(m, d.clocks); made && at >= newest-madeUpSlack && m.ts > d.best.ts {
			d.best, d.live = m, at
		}
	}
}

// readFaulty reads the faulty rows that are newer than what is shown.
func (l *look) readFaulty(ctx context.Context) error {
	l.begin()
	for _, i := range l.odd {
		d := &l.of[i]
		l.add(i, d.live, math.MaxInt64)
		l.fallen(d.clocks, func(_, newest int64) { l.add(i, math.MinInt64, newest+1) })
	}
	if len(l.asks) == 0 {
		return nil
	}
	found := map[int][]liveStamp{}
	err := l.faulty(ctx, l.asks, func(at int, m mark) {
		i := l.whom[at]
		d := &l.of[i]
		live, _, ok := l.live(m, d.clocks)
		if ok && (live > d.live || live == d.live && m.ts > d.best.ts) {
			found[i] = append(found[i], liveStamp{m.stamp(), live})
		}
	})
	for i, list := range found {
		l.of[i].stamps = newestStamps(list)
	}
	return err
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
