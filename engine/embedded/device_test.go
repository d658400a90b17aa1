package embedded

import (
	"math"
	"testing"
)

// TestDevicesRidePlausibly runs many devices for two hours and checks every fix.
func TestDevicesRidePlausibly(t *testing.T) {
	c := loadTestCourse(t)
	var faulty, stopped, total, implausible int
	var fastest, slowest = 0.0, math.Inf(1)
	for n := range 25 {
		d := newDevice("d", n, 7, c)
		var last *fix
		for s := range int64(2 * 3600) {
			f := d.second(s * 1000)
			total++
			if f.battery < 0 || f.battery > 100 || f.sats < 3 || f.sats > 17 || f.speed < 0 || f.speed > 70 || f.heading < 0 || f.heading >= 360 {
				t.Fatalf("device %d, second %d: implausible %+v", n, s, f)
			}
			if f.faulty {
				faulty++
				last = nil
				continue
			}
			if f.speed == 0 {
				stopped++
			}
			if last != nil && !agree(*last, f) {
				implausible++
			}
			last = &f
		}
		kmh := (d.metres - d.begin) / 2 / 3600 * 3.6
		fastest, slowest = max(fastest, kmh), min(slowest, kmh)
	}
	if slowest < 6 || fastest > 45 || fastest < 1.5*slowest {
		t.Errorf("mean speeds from %.1f to %.1f km/h", slowest, fastest)
	}
	if implausible > total/1000 { // a hairpin bend causes a few
		t.Errorf("%d of %d moves disagree with speed or course", implausible, total)
	}
	if share := float64(faulty) / float64(total); share < 1.0/3000 || share > 1.0/700 {
		t.Errorf("%d of %d fixes faulty", faulty, total)
	}
	if share := float64(stopped) / float64(total); share < 0.01 || share > 0.25 {
		t.Errorf("%d of %d fixes without speed", stopped, total)
	}
}

// agree compares two fixes a second apart with the speed and course of the second
// one.
func agree(a, b fix) bool {
	moved := distance(a.at, b.at)
	if math.Abs(moved-b.speed/3.6) > 3 {
		return false
	}
	return moved < 4 || math.Abs(turn(bearing(a.at, b.at)-b.heading+180)-180) < 40
}

func TestEffort(t *testing.T) {
	tests := []struct {
		grade, low, high float64
	}{
		{0, 1, 1}, {0.05, 0.5, 0.8}, {0.3, 0.3, 0.3}, {-0.05, 1.1, 1.4}, {-0.4, 1.7, 1.7},
	}
	for _, tt := range tests {
		if got := effort(tt.grade); got < tt.low || got > tt.high {
			t.Errorf("effort(%v) = %v, want %v to %v", tt.grade, got, tt.low, tt.high)
		}
	}
}

func TestStoredFixesArriveLate(t *testing.T) {
	c := loadTestCourse(t)
	for _, liveFirst := range []bool{false, true} {
		d := newDevice("d", 1, 7, c)
		d.liveFirst = liveFirst
		d.metres = c.deadZones[0].from - 100
		var gap int64
		var burst []fix
		for s := int64(1); s < 3600 && burst == nil; s++ {
			d.rest = 0
			got := d.report(s*1000, nil)
			switch {
			case len(got) == 0:
				gap++
			case len(got) > 60: // longer than any short loss of signal
				burst = got
			}
		}
		if burst == nil {
			t.Fatal("no burst within an hour")
		}
		newest := burst[len(burst)-1]
		stored := burst[:len(burst)-1]
		if liveFirst {
			newest, stored = burst[0], burst[1:]
		}
		for i, f := range stored {
			if want := newest.ts - int64(len(stored)-i)*1000; f.ts != want {
				t.Fatalf("live first %v: stored fix %d has time %d, want %d", liveFirst, i, f.ts, want)
			}
		}
		if len(stored) > int(gap) {
			t.Errorf("%d stored fixes after %d seconds without a report", len(stored), gap)
		}
	}
}

func TestStoredFixesAreBounded(t *testing.T) {
	d := newDevice("d", 1, 7, loadTestCourse(t))
	d.everHeard, d.silent = true, 2*maxStored
	for s := range int64(2*maxStored - 1) {
		if got := d.report(s*1000, nil); len(got) != 0 {
			t.Fatalf("second %d: reported without a signal", s)
		}
	}
	if len(d.stored) != maxStored || cap(d.stored) > 2*maxStored {
		t.Errorf("%d fixes stored, room for %d", len(d.stored), cap(d.stored))
	}
	if first, last := d.stored[0].ts, d.stored[maxStored-1].ts; last-first != (maxStored-1)*1000 || last != (2*maxStored-2)*1000 {
		t.Errorf("stored from %d to %d, want the newest", first, last)
	}
}

func TestEmptyBattery(t *testing.T) {
	c := loadTestCourse(t)
	c.deadZones = nil
	d := newDevice("d", 1, 7, c)
	d.battery = d.drain * 10
	var sent, silent int
	for s := range int64(600) {
		if len(d.report(s*1000, nil)) > 0 {
			sent++
		} else if d.silent == 0 {
			silent++
		}
	}
	if silent < 60 || silent > 182 {
		t.Errorf("switched off for %d seconds, want 60 to 181", silent)
	}
	if sent < 300 || d.battery < 90 {
		t.Errorf("%d reports, battery %.0f %%: want reports again with a full battery", sent, d.battery)
	}
}
