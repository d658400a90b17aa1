package embedded

import (
	"math"
	"math/rand/v2"
)

// maxStored is how many fixes a device stores while it has no coverage: a quarter
// of an hour. The oldest are dropped first.
const maxStored = 900

// fix is what a device measures once a second.
type fix struct {
	ts       int64 // ms since the Unix epoch
	at       coursePoint
	speed    float64 // km/h
	heading  float64 // over ground, degrees
	sats     int
	battery  int     // percent
	odometer float64 // km
	faulty   bool
}

// device is the tracker of one rider on the course. It has a random source of its
// own, so its behaviour depends only on the seed and its number.
type device struct {
	id     string
	flat   bool // publishes flat records (shape B)
	number int
	rnd    *rand.Rand
	course *course

	pace    float64 // m/s on level ground
	form    float64 // factor around 1 that drifts slowly
	metres  float64 // along the course, from its start
	begin   float64 // metres at the beginning
	speed   float64 // m/s
	rest    int     // seconds left at rest
	side    float64 // metres right of the course's line
	heading float64 // course over ground, degrees

	sats    int
	battery float64 // percent
	drain   float64 // percent a second

	// everHeard is set by the first fix, which is sent even without coverage, so that
	// every device is on the map from the start.
	everHeard bool
	silent    int // seconds left without a signal
	off       int // seconds left switched off
	stored    []fix
	liveFirst bool // sends the newest fix before the stored ones
}

func newDevice(id string, number int, seed uint64, c *course) *device {
	r := rand.New(rand.NewPCG(seed, uint64(number)))
	const packs = 8
	d := &device{
		id: id, number: number, rnd: r, course: c,
		flat:      number%10 == 0,
		liveFirst: number%2 == 0,
		pace:      (15 + 15*r.Float64() + 2*r.NormFloat64()) / 3.6,
		form:      1,
		metres:    c.length*float64(r.IntN(packs))/packs + 2500*r.NormFloat64(),
		side:      2.5 * r.NormFloat64(),
		sats:      9 + r.IntN(6),
		battery:   25 + 75*r.Float64(),
		drain:     100 / (3600 * (6 + 10*r.Float64())), // six to sixteen hours
	}
	d.pace = max(d.pace, 9/3.6)
	d.speed, d.begin = d.pace, d.metres
	if number%40 == 7 {
		d.battery = 0.2 + r.Float64() // empty within minutes
	}
	return d
}

// second advances the device by one second and returns what it measures at the end.
func (d *device) second(ts int64) fix {
	here := d.course.place(d.metres)
	d.ride(here)
	d.sats = min(max(d.sats+d.rnd.IntN(3)-1, 5), 17)
	d.battery = max(d.battery-d.drain, 0)
	d.side = 0.97*d.side + 0.6*d.rnd.NormFloat64()

	here = d.course.place(d.metres)
	at := here.moved(d.side, here.bearing+90).moved(0.4*d.rnd.NormFloat64(), here.bearing)
	at.alt += 0.8 * d.rnd.NormFloat64()
	f := fix{
		ts: ts, at: at, speed: d.speed * 3.6, heading: d.heading, sats: d.sats,
		battery: int(math.Ceil(d.battery)), odometer: (d.metres - d.begin) / 1000,
	}
	if d.rnd.IntN(1500) == 0 {
		// A wrong fix that the device marks as faulty: hundreds of metres
		// off, with few satellites.
		f.faulty, f.sats = true, 3
		f.at = f.at.moved(400+2000*d.rnd.Float64(), 360*d.rnd.Float64())
	}
	return f
}

// ride moves the device by the distance of one second.
func (d *device) ride(here place) {
	if d.rest > 0 {
		d.rest--
		d.speed = 0
		return
	}
	d.form += 0.02*(1-d.form) + 0.01*d.rnd.NormFloat64()
	want := d.pace * min(max(d.form, 0.7), 1.3) * effort(here.grade)
	d.speed += 0.2*(want-d.speed) + 0.1*d.rnd.NormFloat64()
	d.speed = min(max(d.speed, 1), 19)
	from := d.metres
	d.metres += d.speed
	d.heading = turn(here.bearing + 2*d.rnd.NormFloat64())

	switch {
	case d.course.passesAid(from, d.metres) && d.rnd.IntN(3) > 0:
		d.rest = 40 + d.rnd.IntN(260)
	case d.rnd.IntN(1500) == 0: // a gate, a puncture, a photograph
		d.rest = 15 + d.rnd.IntN(90)
	}
}

// effort returns how a slope changes the pace.
func effort(grade float64) float64 {
	if grade > 0 {
		return max(1/(1+11*grade), 0.3)
	}
	return min(1-5*grade, 1.7)
}

// report advances the device by one second and appends the fixes that reach the
// ingestion service in it: one, none, or all that were stored while there was no
// signal.
func (d *device) report(ts int64, dst []fix) []fix {
	f := d.second(ts)
	if d.off > 0 {
		if d.off--; d.off == 0 {
			d.battery = 100
		}
		return dst
	}
	if d.battery == 0 {
		d.off = 60 + d.rnd.IntN(120) // until somebody changes the battery
		return dst
	}
	if d.silent > 0 {
		d.silent--
	} else if d.rnd.IntN(3000) == 0 {
		d.silent = 8 + d.rnd.IntN(50)
	}
	if d.everHeard && (d.silent > 0 || !d.course.covered(d.metres)) {
		if len(d.stored) == maxStored {
			d.stored = append(d.stored[:0], d.stored[1:]...)
		}
		d.stored = append(d.stored, f)
		return dst
	}
	d.everHeard = true
	if d.liveFirst {
		dst = append(append(dst, f), d.stored...)
	} else {
		dst = append(append(dst, d.stored...), f)
	}
	d.stored = d.stored[:0]
	return dst
}
