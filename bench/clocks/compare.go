package clocks

import (
	"context"
	"fmt"
	"time"

	"pitwall/bench/internal/pause"
)

// compareEvery is the interval at which screens are compared with what was published.
const compareEvery = 100 * time.Millisecond

// watchScreens looks for lagging dots until ctx ends.
func (r *race) watchScreens(ctx context.Context) {
	for pause.For(ctx, compareEvery) == nil {
		for _, s := range r.screens {
			s.compare(time.Now())
		}
	}
}

// compare compares the screen with what it should show by now.
func (s *screen) compare(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts != 0 {
		return // has no complete snapshot
	}
	at, ok := s.delivered()
	if !ok {
		return
	}
	at = at.Add(-s.race.opt.Allow - s.form.interval)
	for _, d := range s.race.devices {
		want := d.newest(at)
		if want == 0 || s.race.excused(d, at) || s.race.excused(d, now) {
			continue
		}
		t := &s.dots[d.index]
		behind := want - t.n
		if !t.known {
			behind = want
		}
		if behind > 0 {
			s.race.tally.update(d, func(row *Row) { row.Worst = max(row.Worst, behind) })
		}
		switch {
		case behind <= 1:
			t.late = time.Time{}
			continue
		case t.late.IsZero():
			s.race.found(d, faultBehind, fmt.Sprintf("%s (connection %d): shows record %d at %d, %d behind; last published %s",
				s.form.name, s.session, t.n, t.ts, behind, d.lately()))
		default:
			s.race.tally.update(d, func(row *Row) { row.Away += now.Sub(t.late) })
		}
		t.late = now
	}
}

// delivered is the time up to which published records have arrived on the screen,
// judged by the reference devices.
func (s *screen) delivered() (at time.Time, ok bool) {
	for _, d := range s.race.references {
		t := &s.dots[d.index]
		if !t.known {
			return at, false
		}
		got, ok := d.storedAt(t.n)
		if !ok {
			return at, false
		}
		if at.IsZero() || got.Before(at) {
			at = got
		}
	}
	return at, !at.IsZero()
}

// quiet waits until every screen shows the newest record of every device. A dot that
// still lags after Options.Patience is a fault, and later legs do not wait for it.
func (r *race) quiet(ctx context.Context) error {
	caughtUp, err := pause.Until(ctx, 20*time.Millisecond, r.opt.Patience, func() (bool, error) {
		return r.late(time.Now(), false) == 0, r.failed()
	})
	if err == nil && !caughtUp {
		r.late(time.Now(), true)
	}
	return err
}

// late counts the dots that are not at their newest record. If the time is over
// they are faults.
func (r *race) late(now time.Time, over bool) (n int) {
	for _, s := range r.screens {
		n += s.unfinished(now, over)
	}
	return n
}

func (s *screen) unfinished(now time.Time, over bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.race.devices {
		t, want := &s.dots[d.index], d.newest(now)
		if want == 0 || s.race.excused(d, now) || t.known && want-t.n <= d.kind.slack {
			continue
		}
		if over {
			s.race.found(d, faultQuiet, fmt.Sprintf("%s (connection %d): shows record %d at %d, %d behind; last published %s",
				s.form.name, s.session, t.n, t.ts, want-t.n, d.lately()))
			t.missed = true
		} else if !t.missed {
			n++
		}
	}
	return n
}
