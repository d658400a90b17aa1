package clocks

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"
)

// perDegree is the number of records per degree of latitude.
const perDegree = 1e5

// keepAcks is the least time for which a device remembers when its records were stored.
const keepAcks = 5 * time.Minute

// record is a position.
type record struct {
	n      int64
	taken  time.Time
	shown  time.Time // time by the device's clock
	fields []string
}

// ack is the time at which Redis had stored a record.
type ack struct {
	n  int64
	at time.Time
}

// device is a tracker. Only the publisher of its stream uses the fields that mu does not
// guard.
type device struct {
	name   string
	index  int
	kind   kind
	server *server

	n       int64
	next    time.Time // when the next record is taken
	pending []record  // an incomplete batch
	saved   []record  // taken while there was no radio
	outbox  []waiting // in the order in which they are sent

	mu     sync.Mutex // guards what follows
	sent   int64      // highest number sent to Redis
	count  int64      // number of stored records
	acks   []ack      // with ascending numbers
	recent []string   // the last stored records, for messages
}

// waiting is a group of records that are sent in one MULTI, not before due.
type waiting struct {
	due   time.Time
	group []record
}

// take makes the records that are due now, and puts what is to be sent into the
// outbox. p is the fraction of the race that is over.
func (d *device) take(now time.Time, p float64) {
	fresh := make([]record, 0, max(1, d.kind.burst))
	for range max(1, d.kind.burst) {
		d.n++
		fresh = append(fresh, d.record(moment{now, p, d.n}))
	}
	switch k := &d.kind; {
	case k.batch > 0:
		if d.pending = append(d.pending, fresh...); len(d.pending) >= k.batch {
			d.put(now, d.pending)
			d.pending = nil
		}
	case k.backlog > 0 && p >= holeFrom && p < holeTo:
		d.saved = append(d.saved, fresh...)
	case k.fifo && len(d.saved) > 0:
		d.saved = append(d.saved, fresh...)
		d.upload(now)
	case k.delay > 0 && d.n%10 == 0:
		d.put(now.Add(k.delay), fresh)
	default:
		d.put(now, fresh)
		d.upload(now)
	}
}

// put adds a group to the outbox. Groups keep their order.
func (d *device) put(due time.Time, group []record) {
	if last := len(d.outbox) - 1; last >= 0 && d.outbox[last].due.After(due) {
		due = d.outbox[last].due
	}
	d.outbox = append(d.outbox, waiting{due, group})
}

// upload puts the oldest records of the backlog, if there is one, into the outbox.
func (d *device) upload(now time.Time) {
	if n := min(d.kind.backlog, len(d.saved)); n > 0 {
		d.put(now, slices.Clone(d.saved[:n]))
		d.saved = d.saved[n:]
	}
}

// record makes a record. Every second device sends flat fields.
func (d *device) record(m moment) record {
	r := record{n: m.n, taken: m.now}
	lat, lon := strconv.FormatFloat(float64(m.n)/perDegree, 'f', 5, 64), fmt.Sprintf("%d.5", d.index%180)
	if d.kind.shows == nil {
		r.fields = []string{"device_id", d.name, "lat", lat, "lon", lon}
		return r
	}
	r.shown = d.kind.shows(m)
	if d.index%2 == 0 {
		r.fields = []string{"device_id", d.name, "ts", strconv.FormatInt(r.shown.UnixMilli(), 10), "lat", lat, "lon", lon}
		return r
	}
	ts := r.shown.UTC().Format("2006-01-02T15:04:05.000Z")
	r.fields = []string{"device_id", d.name, "ts", ts, "codec", "8E", "payload",
		fmt.Sprintf(`{"device_id":%q,"timestamp":%q,"latitude":%s,"longitude":%s,"satellites":12,"attributes":{"n":%d}}`, d.name, ts, lat, lon, m.n)}
	return r
}

// sending notes that a group is about to be sent to Redis.
func (d *device) sending(group []record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = max(d.sent, group[len(group)-1].n)
}

// stored notes that Redis has stored a group, and under which ids.
func (d *device) stored(group []record, ids []string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count += int64(len(group))
	for i, r := range group {
		ts := "none"
		if d.kind.shows != nil {
			ts = strconv.FormatInt(r.shown.UnixMilli(), 10)
		}
		d.recent = append(d.recent, fmt.Sprintf("%d: ts %s id %s taken %d", r.n, ts, ids[i], r.taken.UnixMilli()))
	}
	d.recent = d.recent[max(0, len(d.recent)-5):]
	if newest := group[len(group)-1].n; len(d.acks) == 0 || newest > d.acks[len(d.acks)-1].n {
		d.acks = append(d.acks, ack{newest, at})
	}
	if at.Sub(d.acks[0].at) > 2*keepAcks {
		old := sort.Search(len(d.acks), func(i int) bool { return at.Sub(d.acks[i].at) <= keepAcks })
		d.acks = slices.Clone(d.acks[min(old, len(d.acks)-1):])
	}
}

// newest is the highest number of a record that Redis had stored at that time, 0
// for none.
func (d *device) newest(at time.Time) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := sort.Search(len(d.acks), func(i int) bool { return d.acks[i].at.After(at) })
	if i == 0 {
		return 0
	}
	return d.acks[i-1].n
}

// storedAt is the time at which Redis had stored record n, or the first one known
// after it.
func (d *device) storedAt(n int64) (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := sort.Search(len(d.acks), func(i int) bool { return d.acks[i].n >= n })
	if i == len(d.acks) {
		return at, false
	}
	return d.acks[i].at, true
}

// published reports whether record n may be on a screen.
func (d *device) published(n int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return n >= 1 && n <= d.sent
}

// records is the number of records that Redis has stored.
func (d *device) records() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// lately describes the last stored records.
func (d *device) lately() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("%q", d.recent)
}

// excused reports whether the dot may stand still because its clock has just changed.
// elapsed is the time since the start of the race, and duration is the length of the
// race. The dot of a clock that fell back may stand still for two minutes. The two
// minutes start again in two cases:
//
//   - The server's clock steps. Then the time until the engine knows the difference of
//     the clocks is added.
//   - The engine restarts before it has detected the fall. What it has detected survives
//     a restart.
func (d *device) excused(elapsed, duration time.Duration, restarts []time.Duration) bool {
	type change struct {
		at, grace time.Duration
		restart   bool
	}
	at := func(f float64) time.Duration { return time.Duration(f * float64(duration)) }
	var changes []change
	for _, f := range d.kind.steps {
		changes = append(changes, change{at: at(f), grace: d.kind.grace})
	}
	if d.kind.grace == standsStill {
		for _, f := range d.server.steps {
			changes = append(changes, change{at: at(f), grace: standsStill + measures})
		}
		for _, t := range restarts {
			changes = append(changes, change{at: t, grace: standsStill, restart: true})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	until := time.Duration(0)
	for _, c := range changes {
		switch {
		case c.restart && c.at >= until:
			continue
		case elapsed >= c.at-time.Second && elapsed < c.at+c.grace:
			return true
		}
		until = max(until, c.at+c.grace)
	}
	return false
}

// measures is how long the engine needs, after a step of the server's clock, to learn the
// difference of the clocks. The ids stand still at first, and the difference is a minimum
// over a minute.
const measures = 90 * time.Second
