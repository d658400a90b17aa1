package embedded

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sort"
)

//go:embed course.geojson
var courseFile []byte

const (
	earthRadius     = 6_371_008.8 // mean, metres
	metresPerDegree = earthRadius * math.Pi / 180
)

// course is a closed loop that the simulated devices ride. Distances are metres
// along it from the start; whole laps are subtracted from any distance.
type course struct {
	points      []coursePoint // the last is the first again
	starts      []float64     // distance of each point
	bearings    []float64     // bearing at each point, halfway between its two legs
	length      float64
	aidStations []float64 // distances where devices like to stop
	deadZones   []span    // sections without radio coverage
}

type coursePoint struct{ lat, lon, alt float64 }

type span struct{ from, to float64 }

// place is a point of the course with its direction and slope.
type place struct {
	coursePoint
	bearing float64 // degrees clockwise from north, [0, 360)
	grade   float64 // rise over run, positive uphill
}

// loadCourse parses a GeoJSON Feature with a LineString of [lon, lat, alt].
func loadCourse(raw []byte) (*course, error) {
	var f struct {
		Properties struct {
			Aid  []float64    `json:"aidStationsKm"`
			Dead [][2]float64 `json:"deadZonesKm"`
		} `json:"properties"`
		Geometry struct {
			Type        string       `json:"type"`
			Coordinates [][3]float64 `json:"coordinates"`
		} `json:"geometry"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("read the course: %w", err)
	}
	at := f.Geometry.Coordinates
	if f.Geometry.Type != "LineString" || len(at) < 3 || at[0] != at[len(at)-1] {
		return nil, errors.New("read the course: want a closed LineString")
	}
	c := &course{}
	for i, p := range at {
		c.points = append(c.points, coursePoint{lat: p[1], lon: p[0], alt: p[2]})
		if i > 0 {
			c.length += distance(c.points[i-1], c.points[i])
		}
		c.starts = append(c.starts, c.length)
	}
	for i := range c.points {
		legs := len(c.points) - 1
		in, out := (i+legs-1)%legs, i%legs
		a := bearing(c.points[in], c.points[in+1])
		b := bearing(c.points[out], c.points[out+1])
		c.bearings = append(c.bearings, between(a, b, 0.5))
	}
	for _, km := range f.Properties.Aid {
		c.aidStations = append(c.aidStations, km*1000)
	}
	for _, km := range f.Properties.Dead {
		c.deadZones = append(c.deadZones, span{km[0] * 1000, km[1] * 1000})
	}
	return c, nil
}

// lap subtracts whole laps from a distance.
func (c *course) lap(metres float64) float64 {
	d := math.Mod(metres, c.length)
	if d < 0 {
		d += c.length
	}
	return d
}

// place returns the place at a distance.
func (c *course) place(metres float64) place {
	d := c.lap(metres)
	i := sort.SearchFloat64s(c.starts, d)
	i = min(max(i, 1), len(c.points)-1)
	a, b := c.points[i-1], c.points[i]
	run := c.starts[i] - c.starts[i-1]
	t := (d - c.starts[i-1]) / run
	return place{
		coursePoint: coursePoint{
			lat: a.lat + (b.lat-a.lat)*t,
			lon: a.lon + (b.lon-a.lon)*t,
			alt: a.alt + (b.alt-a.alt)*t,
		},
		bearing: between(c.bearings[i-1], c.bearings[i], t),
		grade:   (b.alt - a.alt) / run,
	}
}

// covered reports whether a device has radio coverage at a distance.
func (c *course) covered(metres float64) bool {
	d := c.lap(metres)
	for _, s := range c.deadZones {
		if d >= s.from && d < s.to {
			return false
		}
	}
	return true
}

// passesAid reports whether there is an aid station between two distances, the
// second included.
func (c *course) passesAid(from, to float64) bool {
	a, b := c.lap(from), c.lap(to)
	for _, s := range c.aidStations {
		if a < s && s <= b || b < a && (s <= b || s > a) {
			return true
		}
	}
	return false
}

// moved returns p shifted by metres in a direction. Both this and distance treat
// the ground as flat, which is precise enough over some tens of metres.
func (p coursePoint) moved(metres, direction float64) coursePoint {
	sin, cos := math.Sincos(direction * math.Pi / 180)
	p.lat += metres * cos / metresPerDegree
	p.lon += metres * sin / (metresPerDegree * math.Cos(p.lat*math.Pi/180))
	return p
}

func distance(a, b coursePoint) float64 { return math.Hypot(offset(a, b)) }

func bearing(a, b coursePoint) float64 {
	east, north := offset(a, b)
	return turn(math.Atan2(east, north) * 180 / math.Pi)
}

// offset returns the vector from a to b in metres east and north.
func offset(a, b coursePoint) (east, north float64) {
	return (b.lon - a.lon) * metresPerDegree * math.Cos((a.lat+b.lat)/2*math.Pi/180), (b.lat - a.lat) * metresPerDegree
}

// between returns the bearing at t in [0, 1] of the shorter turn from a to b.
func between(a, b, t float64) float64 { return turn(a + (turn(b-a+180)-180)*t) }

// turn normalises an angle to [0, 360).
func turn(degrees float64) float64 {
	d := math.Mod(degrees, 360)
	if d < 0 {
		d += 360
	}
	if d >= 360 { // a tiny negative angle rounds up to 360
		d = 0
	}
	return d
}
