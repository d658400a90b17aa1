package clocks

import (
	"context"
	"testing"
	"time"
)

// shown puts records of all devices on the screen, which has its whole snapshot.
func shown(t *testing.T, r *race, s *screen, n map[string]int64) {
	t.Helper()
	s.parts = 0
	for _, d := range r.devices {
		if err := s.take(say("position", "", d.name, n[d.kind.name], 1000*n[d.kind.name])); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCompare: a dot lags if the reference devices show newer records, however much
// time has passed.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name            string
		reference, kind int64
		allow           time.Duration
		want            map[string]int
		worst           int64
	}{
		{"up to date", 50, 50, 0, nil, 0},
		{"one record behind", 50, 48, time.Second, nil, 1},
		{"two behind", 50, 47, time.Second, map[string]int{faultBehind: 1}, 2},
		{"all are behind, which is delivery", 20, 20, 0, nil, 0},
		{"further than the reference", 50, 60, 0, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, s := staged(t, "right")
			r.opt.Allow = c.allow
			shown(t, r, s, map[string]int64{reference: c.reference, "right": c.kind})
			s.compare(r.at(100))
			s.compare(r.at(101)) // counted once as long as it lasts
			expect(t, r, c.want)
			for _, row := range r.tally.result(r.devices).Kinds {
				if row.Name == "right" && row.Worst != c.worst {
					t.Errorf("worst is %d, want %d", row.Worst, c.worst)
				}
			}
		})
	}
}

// TestCompareWaitsForTheSnapshot: an incomplete snapshot is not compared.
func TestCompareWaitsForTheSnapshot(t *testing.T) {
	r, s := staged(t, "right")
	r.opt.Allow = 0
	shown(t, r, s, map[string]int64{reference: 50, "right": 10})
	s.parts = 1
	s.compare(r.at(100))
	expect(t, r, nil)
	s.parts = 0
	s.compare(r.at(100))
	expect(t, r, map[string]int{faultBehind: 1})
}

// TestQuiet: while nothing is published a screen must be exact. A dot that is behind
// is waited for only once.
func TestQuiet(t *testing.T) {
	r, s := staged(t, "right")
	shown(t, r, s, map[string]int64{reference: 100, "right": 99})
	for _, r.opt.Patience = range []time.Duration{0, time.Hour} { // waiting again would take an hour
		if err := r.quiet(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, r, map[string]int{faultQuiet: 1})
	shown(t, r, s, map[string]int64{reference: 100, "right": 100})
	if n := r.late(time.Now(), false); n != 0 {
		t.Errorf("%d dots are late, want none", n)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	s.dots[0].n = 1
	if err := r.quiet(stopped); err == nil {
		t.Error("it does not end with its context")
	}
}
