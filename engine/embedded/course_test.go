package embedded

import (
	"math"
	"strings"
	"testing"
)

func loadTestCourse(t testing.TB) *course {
	t.Helper()
	c, err := loadCourse(courseFile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCourseIsPlausible(t *testing.T) {
	c := loadTestCourse(t)
	if len(c.points) < 150 || c.length < 40_000 || c.length > 60_000 {
		t.Errorf("%d points over %.0f m, want 150 or more over 40 to 60 km", len(c.points), c.length)
	}
	for i := 1; i < len(c.points); i++ {
		a, b := c.points[i-1], c.points[i]
		step := distance(a, b)
		if step < 5 || step > 500 {
			t.Errorf("point %d is %.1f m from the one before", i, step)
		}
		if grade := math.Abs(b.alt-a.alt) / step; grade > 0.2 {
			t.Errorf("slope of %.0f %% at point %d", grade*100, i)
		}
	}
	if len(c.aidStations) == 0 || len(c.deadZones) == 0 {
		t.Error("no aid station or no dead zone")
	}
	for _, s := range c.deadZones {
		if s.from >= s.to || s.to > c.length {
			t.Errorf("dead zone %v on a course of %.0f m", s, c.length)
		}
	}
}

func TestPlaceWalksTheWholeLoop(t *testing.T) {
	c := loadTestCourse(t)
	const step = 10.0
	last := c.place(-step)
	for d := 0.0; d < c.length; d += step {
		p := c.place(d)
		if got := distance(last.coursePoint, p.coursePoint); got > step+0.5 {
			t.Fatalf("at %.0f m: %.2f m from the place %v m before", d, got, step)
		}
		if p.bearing < 0 || p.bearing >= 360 {
			t.Fatalf("at %.0f m: bearing %v", d, p.bearing)
		}
		last = p
	}
	for _, d := range []float64{0, 1234.5, 53000} {
		if a, b, back := c.place(d), c.place(d+3*c.length), c.place(d-2*c.length); distance(a.coursePoint, b.coursePoint) > 0.01 || distance(a.coursePoint, back.coursePoint) > 0.01 {
			t.Errorf("%.0f m: the place differs in other laps", d)
		}
	}
}

func TestGeometry(t *testing.T) {
	origin := coursePoint{lat: -46, lon: -68}
	for _, direction := range []float64{0, 45, 90, 179, 270, 359} {
		p := origin.moved(100, direction)
		if d := distance(origin, p); math.Abs(d-100) > 0.1 {
			t.Errorf("moved 100 m towards %v: %.2f m away", direction, d)
		}
		if b := bearing(origin, p); math.Abs(b-direction) > 0.1 {
			t.Errorf("moved towards %v: bearing %v", direction, b)
		}
	}
	for _, tt := range []struct{ a, b, t, want float64 }{{10, 50, 0.25, 20}, {350, 30, 0.5, 10}, {30, 350, 0.75, 0}, {270, 270, 0.5, 270}} {
		if got := between(tt.a, tt.b, tt.t); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("between(%v, %v, %v) = %v, want %v", tt.a, tt.b, tt.t, got, tt.want)
		}
	}
	for _, tt := range []struct{ in, want float64 }{{0, 0}, {360, 0}, {-90, 270}, {725, 5}, {-1e-20, 0}} {
		if got := turn(tt.in); got != tt.want {
			t.Errorf("turn(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestAidStationsAndDeadZones(t *testing.T) {
	c := &course{length: 1000, aidStations: []float64{0, 400}, deadZones: []span{{100, 200}}}
	passes := []struct {
		name     string
		from, to float64
		want     bool
	}{
		{"before", 380, 399, false},
		{"up to it", 390, 400, true},
		{"from it on", 400, 410, false},
		{"across the start", 990, 1010, true},
		{"a later lap", 3390, 3410, true},
		{"far from it", 500, 600, false},
	}
	for _, tt := range passes {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.passesAid(tt.from, tt.to); got != tt.want {
				t.Errorf("passesAid(%v, %v) = %v", tt.from, tt.to, got)
			}
		})
	}
	for metres, want := range map[float64]bool{99: true, 100: false, 199: false, 200: true, 2150: false} {
		if got := c.covered(metres); got != want {
			t.Errorf("covered(%v) = %v", metres, got)
		}
	}
}

func TestLoadCourseRefuses(t *testing.T) {
	tests := []struct{ name, raw string }{
		{"no JSON", `course`},
		{"another geometry", `{"geometry":{"type":"Point","coordinates":[]}}`},
		{"too short", `{"geometry":{"type":"LineString","coordinates":[[1,2,3],[1,2,3]]}}`},
		{"an open line", `{"geometry":{"type":"LineString","coordinates":[[1,2,3],[2,2,3],[3,2,3]]}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := loadCourse([]byte(tt.raw)); err == nil || !strings.Contains(err.Error(), "read the course") {
				t.Errorf("error %v", err)
			}
		})
	}
}
