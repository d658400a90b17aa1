package clocks

import (
	"slices"
	"testing"
	"time"
)

// drive makes a device take a record per second for a race of 100 s, and returns the
// numbers of the records in the order in which they are sent.
func drive(name string) (d *device, sent []int64) {
	all := kinds()
	i := slices.IndexFunc(all, func(k kind) bool { return k.name == name })
	d = &device{name: name, kind: all[i], server: &server{}}
	begin := time.UnixMilli(1_790_000_000_000)
	for s := range 101 {
		now := begin.Add(time.Duration(s) * time.Second)
		if s < 100 {
			d.take(now, float64(s)/100)
		}
		for len(d.outbox) > 0 && !d.outbox[0].due.After(now) {
			for _, r := range d.outbox[0].group {
				sent = append(sent, r.n)
			}
			d.outbox = d.outbox[1:]
		}
	}
	return d, sent
}

// TestHoles: a device without a radio sends nothing, and later everything. If it
// sends its backlog first the order is right; otherwise new records come before old
// ones.
func TestHoles(t *testing.T) {
	for name, ordered := range map[string]bool{"hole": false, "hole-slow": false, "hole-fifo": true, "right": true, "ahead-edge": true} {
		d, sent := drive(name)
		if got := slices.IsSorted(sent); got != ordered {
			t.Errorf("%s: in order is %v, want %v: %v", name, got, ordered, sent)
		}
		slices.Sort(sent)
		if int64(len(sent)) != d.n || len(slices.Compact(sent)) != len(sent) {
			t.Errorf("%s: took %d records, sent %v", name, d.n, sent)
		}
	}
}

// TestBatches: the records of a batch are sent together.
func TestBatches(t *testing.T) {
	d := &device{kind: kind{shows: off(time.Hour), batch: 3}}
	now := time.UnixMilli(1_790_000_000_000)
	for range 5 {
		d.take(now, 0)
	}
	if len(d.outbox) != 1 || len(d.outbox[0].group) != 3 || len(d.pending) != 2 {
		t.Errorf("outbox %v, pending %v, want one group of 3, and 2", d.outbox, d.pending)
	}
}

// TestServerSteps: when the clock of a server steps back, ids stay in one millisecond
// and count on. They always increase.
func TestServerSteps(t *testing.T) {
	all := allServers(stepsAt)
	i := slices.IndexFunc(all, func(s server) bool { return s.name == "steps" })
	s := &stream{server: all[i]}
	r := &race{opt: Options{Duration: 100 * time.Second}}
	r.state.start = time.UnixMilli(1_790_000_000_000)
	frozen, before := 0, [2]int64{}
	for second := range 100 {
		s.id(r.state.start.Add(time.Duration(second)*time.Second), r)
		id := [2]int64{s.ms, s.seq}
		if slices.Compare(id[:], before[:]) <= 0 {
			t.Fatalf("id %v after %v", id, before)
		}
		if id[0] == before[0] {
			frozen++
		}
		before = id
	}
	if frozen != 20 {
		t.Errorf("%d ids in the same millisecond, want 20: one a second for 20 s", frozen)
	}
	if want := r.state.start.Add(99 * time.Second).UnixMilli(); s.ms != want {
		t.Errorf("in the end the clock is at %d, want %d", s.ms, want)
	}
}

// TestExcused: the dot of a clock that fell back may stand still for two minutes, also
// after each step of its server's clock. That of a right clock never may.
func TestExcused(t *testing.T) {
	steps := &server{steps: []float64{0.5}}
	fell := &device{server: steps, kind: kind{steps: []float64{0.1}, grace: standsStill}}
	right := &device{server: steps}
	for _, c := range []struct {
		at   time.Duration
		want bool
	}{{5 * time.Minute, false}, {6 * time.Minute, true}, {7 * time.Minute, true}, {8*time.Minute + time.Second, false},
		{30 * time.Minute, true}, {33 * time.Minute, true}, {34 * time.Minute, false}, {40 * time.Minute, false}} {
		if got := fell.excused(c.at, time.Hour, []time.Duration{40 * time.Minute}); got != c.want {
			t.Errorf("after %v: %v, want %v", c.at, got, c.want)
		}
		if right.excused(c.at, time.Hour, nil) {
			t.Errorf("after %v a right clock is excused", c.at)
		}
	}
}

// TestExcusedOverARestart: a fall that was not detected before a restart is detected
// anew after it.
func TestExcusedOverARestart(t *testing.T) {
	fell := &device{server: &server{}, kind: kind{steps: []float64{0.1}, grace: standsStill}}
	for at, want := range map[time.Duration]bool{8*time.Minute + 30*time.Second: true, 9*time.Minute + time.Second: false} {
		if got := fell.excused(at, time.Hour, []time.Duration{7 * time.Minute}); got != want {
			t.Errorf("after %v: %v, want %v", at, got, want)
		}
	}
}

// TestAcksAreForgotten: an hour of records takes no more memory than some minutes,
// and the newest one is always known.
func TestAcksAreForgotten(t *testing.T) {
	d := &device{kind: kind{shows: off(0)}}
	begin := time.UnixMilli(1_790_000_000_000)
	for n := range int64(3600) {
		at := begin.Add(time.Duration(n) * time.Second)
		group := []record{{n: n + 1}}
		d.sending(group)
		d.stored(group, []string{"0-1"}, at)
		if got := d.newest(at.Add(time.Millisecond)); got != n+1 {
			t.Fatalf("newest is %d, want %d", got, n+1)
		}
	}
	if len(d.acks) > 700 {
		t.Errorf("%d acks are kept", len(d.acks))
	}
	if at, ok := d.storedAt(3500); !ok || !at.Equal(begin.Add(3499*time.Second)) {
		t.Errorf("record 3500 was stored at %v, %v", at, ok)
	}
	if d.published(3601) || !d.published(1) || d.published(0) {
		t.Error("published is wrong")
	}
}
